import type { Content, Json, SnapshotRecord } from "@keyhold/core";
import { fail } from "./errors.ts";

/** What a snapshot holds for a reference: its last known good value, or since when nothing that was read before may serve. */
export type SnapshotEntry = SnapshotRecord | { readonly erasedAt: number };

export type SnapshotEntries = ReadonlyMap<string, SnapshotEntry>;

const format = "keyhold-snapshot";
const formatVersion = 1;

/** The moment that decides which of two entries counts. */
export const entryAt = (entry: SnapshotEntry): number => ("erasedAt" in entry ? entry.erasedAt : entry.readAt);

/** One entry as JSON text: its length is what it takes. */
export function encodeEntry(reference: string, entry: SnapshotEntry): string {
  if ("erasedAt" in entry) return JSON.stringify({ reference, erasedAt: entry.erasedAt });
  const { content, version, readAt } = entry;
  return JSON.stringify({ reference, version, readAt, ...encodeContent(content) });
}

export function encodeSnapshot(entries: readonly string[]): string {
  return `{"format":"${format}","formatVersion":${formatVersion},"entries":[\n${entries.join(",\n")}\n]}\n`;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

function encodeContent(content: Content): object {
  if (content.kind === "opaque") {
    const { value, contentType } = content;
    return { ...(typeof value === "string" ? { value } : { base64: base64(value) }), contentType };
  }
  const fields = Object.entries(content.fields);
  const bytes = fields.filter((field): field is [string, Uint8Array] => field[1] instanceof Uint8Array);
  return {
    fields: Object.fromEntries(fields.filter(([, value]) => !(value instanceof Uint8Array))),
    bytes: Object.fromEntries(bytes.map(([name, value]) => [name, base64(value)])),
  };
}

// Source text access (https://github.com/tc39/proposal-json-parse-with-source): a number in a field keeps its digits.
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
}
const { parse, rawJSON } = JSON as unknown as JsonWithSource;

/** @throws SecretsError `unsupported` for a later format, `decode` for what is no snapshot. Neither repeats any of it. */
export function decodeSnapshot(text: string): SnapshotEntries {
  let body: unknown;
  try {
    body = parse(text, (_key, value, { source }) =>
      typeof value !== "number" || source === undefined || String(value) === source ? value : rawJSON(source),
    );
  } catch {
    throw damaged();
  }
  if (!isObject(body) || body.format !== format || typeof body.formatVersion !== "number") throw damaged();
  if (body.formatVersion > formatVersion) {
    throw fail(
      "unsupported",
      `the snapshot has format ${body.formatVersion}, and this version of @keyhold/local knows ${formatVersion}`,
      "Update @keyhold/local, or give another path. The file was left as it is.",
    );
  }
  if (!Array.isArray(body.entries)) throw damaged();
  return new Map(body.entries.map(decodeEntry));
}

function decodeEntry(entry: unknown): [string, SnapshotEntry] {
  if (!isObject(entry) || typeof entry.reference !== "string") throw damaged();
  const { reference, version, readAt, erasedAt } = entry;
  if (typeof erasedAt === "number") return [reference, { erasedAt }];
  if (typeof version !== "string" || typeof readAt !== "number") throw damaged();
  return [reference, { version, readAt, content: decodeContent(entry) }];
}

function decodeContent({ value, base64: bytes, contentType, fields, bytes: byteFields }: Record<string, unknown>): Content {
  if (isObject(fields) && isObject(byteFields)) {
    const decoded = Object.entries(byteFields).map(([name, field]) => [name, decodeBytes(field)]);
    // A name such as __proto__ has to stay a field.
    return { kind: "fields", fields: Object.fromEntries([...Object.entries(fields as Record<string, Json>), ...decoded]) };
  }
  const type = typeof contentType === "string" ? { contentType } : {};
  return { kind: "opaque", value: typeof value === "string" ? value : decodeBytes(bytes), ...type };
}

function decodeBytes(text: unknown): Uint8Array {
  if (typeof text !== "string") throw damaged();
  const bytes = Buffer.from(text, "base64");
  // Buffer skips what is no base64 instead of refusing it.
  if (bytes.toString("base64") !== text) throw damaged();
  return new Uint8Array(bytes);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const damaged = () =>
  fail("decode", "the file is no snapshot, or is damaged", "Delete it, or give another path. It was left as it is.");
