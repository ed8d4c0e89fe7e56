import type { Content, Json } from "./content.ts";
import { SecretsError } from "./errors.ts";

/** What lies beside a secret while it is rotated, where the backend has no stage for it. */
export interface RotationRecord {
  readonly id: string;
  /** The version that is to be replaced. */
  readonly from: string;
  readonly pending: Content;
  /** What is to be replaced, where the backend forgets it. */
  readonly replaced?: Content;
}

const field = "keyhold-rotation";

/** Where it lies. A name that every backend takes. */
export const pendingPath = (path: string): string => `${path}-keyhold-pending`;

const encode = (value: Json | Uint8Array): Json =>
  value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : { json: value };

function decode(value: unknown): Json | Uint8Array {
  const { base64, json } = value as { readonly base64?: unknown; readonly json?: Json };
  return typeof base64 === "string" ? Uint8Array.from(Buffer.from(base64, "base64")) : (json as Json);
}

function encodeContent(content: Content): Json {
  if (content.kind === "opaque") return { value: encode(content.value), contentType: content.contentType ?? null };
  return { fields: Object.fromEntries(Object.entries(content.fields).map(([name, value]) => [name, encode(value)])) };
}

function decodeContent(content: unknown): Content {
  const { value, contentType, fields } = content as { value?: unknown; contentType?: unknown; fields?: Record<string, unknown> };
  if (fields === undefined) {
    const opaque = { kind: "opaque" as const, value: decode(value) as string | Uint8Array };
    return typeof contentType === "string" ? { ...opaque, contentType } : opaque;
  }
  return { kind: "fields", fields: Object.fromEntries(Object.entries(fields).map(([name, item]) => [name, decode(item)])) };
}

/** The record as the backend holds it; `undefined` is that of a rotation that has ended. */
export function recordContent(record: RotationRecord | undefined, asFields: boolean): Content {
  const document = record && {
    id: record.id,
    from: record.from,
    pending: encodeContent(record.pending),
    ...(record.replaced === undefined ? {} : { replaced: encodeContent(record.replaced) }),
  };
  const text = JSON.stringify(document ?? {});
  if (asFields) return { kind: "fields", fields: { [field]: text } };
  return { kind: "opaque", value: JSON.stringify({ [field]: text }), contentType: "application/json" };
}

/** @throws SecretsError `conflict` for something that no rotation wrote. */
export function parseRecord(content: Content, reference: string): RotationRecord | undefined {
  try {
    const whole = content.kind === "fields" ? content.fields : JSON.parse(textOf(content.value));
    const document = JSON.parse(textOf(whole[field]));
    if (document.id === undefined) return undefined;
    const { id, from, pending, replaced } = document;
    if (typeof id !== "string" || typeof from !== "string") throw new TypeError();
    const record = { id, from, pending: decodeContent(pending) };
    return replaced === undefined ? record : { ...record, replaced: decodeContent(replaced) };
  } catch {
    throw new SecretsError("conflict", "what lies in the place of the pending value was written by no rotation", {
      hint: `Look at ${pendingPath(reference)}, and move or remove it.`,
    });
  }
}

const textOf = (value: unknown): string => (value instanceof Uint8Array ? new TextDecoder().decode(value) : (value as string));
