import { fail } from "./errors.ts";
import type { StoreDocument, StoredSecret, StoredVersion } from "./store-document.ts";

// What `age -d` prints is this JSON. Anything that an older Keyhold would lose by rewriting it needs a new number here.
const format = "keyhold-store";
const formatVersion = 1;

/** Writes the document as readable JSON. Bytes become `base64`, text `value`. */
export function encodeDocument(document: StoreDocument): string {
  const secrets = [...document.secrets].sort(([a], [b]) => (a < b ? -1 : 1));
  const body = {
    format,
    formatVersion,
    recipients: document.recipients,
    lastVersion: document.lastVersion,
    secrets: Object.fromEntries(secrets.map(([path, secret]) => [path, encodeSecret(secret)])),
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}

function encodeSecret({ createdAt, versions }: StoredSecret): unknown {
  return { createdAt: time(createdAt), versions: versions.map(encodeVersion) };
}

function encodeVersion({ version, createdAt, removedAt, value, ...rest }: StoredVersion): unknown {
  return {
    version,
    createdAt: time(createdAt),
    ...(typeof value === "string" ? { value } : { base64: Buffer.from(value).toString("base64") }),
    ...(removedAt === undefined ? {} : { removedAt: time(removedAt) }),
    ...rest,
  };
}

const time = (at: number) => new Date(at).toISOString();

/**
 * Reads what `encodeDocument` wrote.
 *
 * @throws SecretsError `unsupported` for a later format, `decode` for anything else that is not a store.
 */
export function decodeDocument(text: string): StoreDocument {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Its message would repeat the text.
    throw damaged("it holds no JSON");
  }
  if (!isObject(body) || body.format !== format) throw damaged("it is not a Keyhold store");
  if (!isCount(body.formatVersion)) throw damaged("its format has no number");
  if (body.formatVersion > formatVersion) {
    throw fail(
      "unsupported",
      `the store has format ${body.formatVersion}, and this version of @keyhold/local knows ${formatVersion}`,
      "Update @keyhold/local. The store was left as it is.",
    );
  }
  const { recipients, lastVersion, secrets } = body;
  if (!Array.isArray(recipients) || !recipients.every((one) => typeof one === "string")) throw damaged("recipients");
  if (!isCount(lastVersion)) throw damaged("lastVersion");
  if (!isObject(secrets)) throw damaged("secrets");
  const entries = Object.entries(secrets).map(([path, secret]) => [path, decodeSecret(secret)] as const);
  return { recipients, lastVersion, secrets: new Map(entries) };
}

function decodeSecret(secret: unknown): StoredSecret {
  if (!isObject(secret) || !Array.isArray(secret.versions) || secret.versions.length === 0) throw damaged("a secret");
  return { createdAt: decodeTime(secret.createdAt), versions: secret.versions.map(decodeVersion) };
}

function decodeVersion(entry: unknown): StoredVersion {
  if (!isObject(entry) || typeof entry.version !== "string") throw damaged("a version");
  const { version, contentType, labels, idempotencyKey, removedAt } = entry;
  if (labels !== undefined && !(isObject(labels) && Object.values(labels).every((one) => typeof one === "string")))
    throw damaged("labels");
  return {
    version,
    createdAt: decodeTime(entry.createdAt),
    value: decodeValue(entry),
    ...(contentType === undefined ? {} : { contentType: text(contentType) }),
    ...(labels === undefined ? {} : { labels: labels as Record<string, string> }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey: text(idempotencyKey) }),
    ...(removedAt === undefined ? {} : { removedAt: decodeTime(removedAt) }),
  };
}

function decodeValue({ value, base64 }: Record<string, unknown>): string | Uint8Array {
  if (base64 === undefined) return text(value);
  const bytes = Buffer.from(text(base64), "base64");
  // Buffer skips what is no base64 instead of refusing it.
  if (value !== undefined || bytes.toString("base64") !== base64) throw damaged("base64");
  return new Uint8Array(bytes);
}

function decodeTime(at: unknown): number {
  const value = Date.parse(text(at));
  if (Number.isNaN(value)) throw damaged("a time");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw damaged("a text");
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function damaged(what: string) {
  return fail("decode", `the store is damaged: ${what}`, "Bring it back from version control or a backup. It was left as it is.");
}
