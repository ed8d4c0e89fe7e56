import { type Content, type SecretRecord, type SecretSummary, SecretsError } from "@keyhold/core";
import { checkFieldName } from "./names.ts";
import type { ApiSecret, ObjectMeta } from "./transport.ts";

type Fields = Extract<Content, { readonly kind: "fields" }>["fields"];

/** https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size */
const maxBytes = 1024 * 1024;

const timeOf = (text: string | undefined): number | undefined => {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : at;
};

/** When it was last changed, by the server's own notes of who changed what. */
function changedAt({ managedFields = [], creationTimestamp }: ObjectMeta): number | undefined {
  const times = managedFields.flatMap(({ time }) => timeOf(time) ?? []);
  return times.length === 0 ? timeOf(creationTimestamp) : Math.max(...times);
}

/** Bytes in memory of their own: Buffer's pool is shared. */
function fromBase64(text: unknown): Uint8Array {
  if (typeof text !== "string") throw malformed();
  const bytes = new Uint8Array(Buffer.byteLength(text, "base64"));
  const length = Buffer.from(bytes.buffer).write(text, "base64");
  if (length !== bytes.byteLength) throw malformed();
  return bytes;
}

const malformed = () =>
  new SecretsError("decode", "Kubernetes: the answer is no Secret", {
    provider: "kubernetes",
    hint: "Something else than an API server may answer at its address.",
  });

/** The resourceVersion of a secret, or of a list. */
export function versionOf({ metadata }: Pick<ApiSecret, "metadata">): string {
  const version = metadata?.resourceVersion;
  if (typeof version !== "string" || version === "") throw malformed();
  return version;
}

export function fieldsOf({ data }: ApiSecret): Record<string, Uint8Array> {
  if (typeof (data ?? {}) !== "object") throw malformed();
  return Object.fromEntries(Object.entries(data ?? {}).map(([name, text]) => [name, fromBase64(text)]));
}

export function toRecord(secret: ApiSecret): SecretRecord {
  const version = versionOf(secret);
  const { metadata = {} } = secret;
  return {
    content: { kind: "fields", fields: fieldsOf(secret) },
    version,
    createdAt: changedAt(metadata),
    ...(metadata.labels ? { labels: metadata.labels } : {}),
  };
}

export function toSummary(secret: ApiSecret, path: string): SecretSummary {
  const { metadata = {} } = secret;
  return {
    path,
    version: versionOf(secret),
    createdAt: timeOf(metadata.creationTimestamp),
    updatedAt: changedAt(metadata),
    ...(metadata.labels ? { labels: metadata.labels } : {}),
  };
}

/** @throws SecretsError `invalid-argument` for what is neither text nor bytes. */
function bytesOf(value: unknown): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  throw new SecretsError("invalid-argument", "the fields of a Kubernetes Secret are text or bytes", {
    provider: "kubernetes",
    hint: "Write numbers, objects and the like as text: String(port), JSON.stringify(value).",
  });
}

/** The fields as the API server takes them. @throws SecretsError `invalid-argument` for what it would refuse. */
export function toData(fields: Fields): Record<string, string> {
  let size = 0;
  const entries = Object.entries(fields).map(([name, value]) => {
    checkFieldName(name);
    const bytes = bytesOf(value);
    size += bytes.byteLength;
    return [name, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")] as const;
  });
  if (size > maxBytes) {
    throw new SecretsError("invalid-argument", `the values of a Kubernetes Secret have at most ${maxBytes} bytes together`, {
      provider: "kubernetes",
      hint: "Split them over several Secrets.",
    });
  }
  return Object.fromEntries(entries);
}

/** The same for fields of which some go: those that are null. */
export function toPatchData(fields: { readonly [name: string]: string | Uint8Array | null }): Record<string, string | null> {
  const names = Object.keys(fields);
  for (const name of names) checkFieldName(name);
  const kept = Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string | Uint8Array] => entry[1] !== null),
  );
  const data = toData(kept);
  return Object.fromEntries(names.map((name) => [name, data[name] ?? null]));
}

/** @throws SecretsError `invalid-argument` for a content without fields. */
export function fieldsIn(content: Content): Fields {
  if (content.kind === "fields") return content.fields;
  throw new SecretsError("invalid-argument", "a Kubernetes Secret holds named fields", {
    provider: "kubernetes",
    hint: "Give an object, for example { password: … }.",
  });
}
