import type { Content, Locator, RemoveOptions, SecretsError, WriteOptions } from "@keyhold/core";
import { fail } from "./errors.ts";
import type { StoreDocument, StoredSecret, StoredVersion } from "./store-document.ts";

/** How many versions of a secret are kept. */
export const keptVersions = 20;
/** The largest value, in bytes of UTF-8: what Vault and Kubernetes take too. */
export const maxValueBytes: number = 1024 * 1024;
/** How long a removed value can be brought back: the first write after that erases it. */
export const keptRemovedMs: number = 30 * 24 * 60 * 60 * 1000;

/** What a change makes of a document. The same document: nothing has to be written. */
export interface Changed<T> {
  readonly document: StoreDocument;
  readonly result: T;
}

const isThere = (version: StoredVersion) => version.removedAt === undefined;

/** The newest version that was not removed. */
export function currentVersion(secret: StoredSecret | undefined): StoredVersion | undefined {
  return secret?.versions.find(isThere);
}

/** @throws SecretsError `not-found`, or `unsupported` for a stage. */
export function findVersion(document: StoreDocument, { path, version, stage }: Locator): StoredVersion {
  if (stage !== undefined) throw fail("unsupported", "the local store has no stages", "Use ?version=… or no selector.");
  const secret = document.secrets.get(path);
  const current = currentVersion(secret);
  if (version === undefined) {
    if (current) return current;
    throw missing(secret);
  }
  const found = secret?.versions.find((one) => one.version === version);
  if (found && isThere(found)) return found;
  if (current === undefined) throw missing(secret);
  throw fail("not-found", "the secret has no such version", `The last ${keptVersions} are kept: see keyhold versions.`);
}

function missing(secret: StoredSecret | undefined): SecretsError {
  if (secret === undefined)
    return fail("not-found", "the store has no such secret", "See keyhold list; add it with keyhold set.");
  return fail("not-found", "the secret was removed", "restore() of local() brings it back, for 30 days after it was removed.");
}

/** A value that was checked, and copied: what the caller does with its bytes later changes nothing here. */
export interface CheckedContent {
  readonly value: string | Uint8Array;
  readonly contentType?: string;
}

/** @throws SecretsError `invalid-argument` for fields, for a value over 1 MiB, and where a version is named. */
export function checkWrite(locator: Locator, content: Content): CheckedContent {
  if (locator.version !== undefined || locator.stage !== undefined) {
    throw fail(
      "invalid-argument",
      "a write makes a new version and cannot name one",
      "Leave ?version= and ?stage= out; ifVersion compares.",
    );
  }
  if (content.kind !== "opaque") {
    throw fail(
      "invalid-argument",
      "the local store holds a string or bytes, not fields",
      "Pass JSON text, and read a field of it with #name.",
    );
  }
  const { value, contentType } = content;
  const size = typeof value === "string" ? Buffer.byteLength(value) : value.byteLength;
  if (size > maxValueBytes) {
    throw fail(
      "invalid-argument",
      `the value is larger than ${maxValueBytes} bytes`,
      "Keep the key to a large file here, and the file elsewhere.",
    );
  }
  return { value: typeof value === "string" ? value : value.slice(), ...(contentType === undefined ? {} : { contentType }) };
}

function sameValue(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return typeof a === "string" || typeof b === "string" ? a === b : Buffer.compare(a, b) === 0;
}

function checkVersion(current: StoredVersion | undefined, expected: string | null | undefined): void {
  if (expected === undefined || expected === (current?.version ?? null)) return;
  const message = expected === null ? "the secret exists already" : "the secret is at another version";
  throw fail("conflict", message, "Read it again and decide anew.");
}

// No 0, 1, l or o: people copy versions by hand.
const letters = "23456789abcdefghijkmnpqrstuvwxyz";

/**
 * A number that only grows, and five random characters: two branches of a repository may both hold a 7th version, and
 * these must never pass for the same one.
 */
function makeVersion(number: number): string {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => letters[byte & 31]);
  return `${number}-${random.join("")}`;
}

function withSecret(document: StoreDocument, path: string, secret: StoredSecret | undefined): StoreDocument {
  const secrets = new Map(document.secrets);
  if (secret && secret.versions.length > 0) secrets.set(path, secret);
  else secrets.delete(path);
  return { ...document, secrets };
}

/** Adds a version. @throws SecretsError `conflict`. */
export function addVersion(
  document: StoreDocument,
  path: string,
  content: CheckedContent,
  options: WriteOptions,
  now: number,
): Changed<string> {
  const secret = document.secrets.get(path);
  const { idempotencyKey, labels } = options;
  // Before the comparison: a repeated write finds the version that it made itself.
  const sent = idempotencyKey === undefined ? undefined : secret?.versions.find((one) => one.idempotencyKey === idempotencyKey);
  if (sent) {
    if (sameValue(sent.value, content.value)) return { document, result: sent.version };
    throw fail("conflict", "this idempotency key was used for another value", "Take a new key for a new value.");
  }
  checkVersion(currentVersion(secret), options.ifVersion);
  const lastVersion = document.lastVersion + 1;
  const added: StoredVersion = {
    version: makeVersion(lastVersion),
    createdAt: now,
    ...content,
    ...(labels === undefined ? {} : { labels: { ...labels } }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  const versions = [added, ...(secret?.versions ?? [])].slice(0, keptVersions);
  const changed = withSecret(document, path, { createdAt: secret?.createdAt ?? now, versions });
  return { document: { ...changed, lastVersion }, result: added.version };
}

/** Removes a secret so that it can be brought back, or erases the one version that is named. */
export function removeSecret(
  document: StoreDocument,
  locator: Locator,
  { ifVersion }: RemoveOptions,
  now: number,
): Changed<void> {
  const { path, version } = locator;
  const secret = document.secrets.get(path);
  const removed = secret?.versions.find((one) => one.version === version && !isThere(one));
  // A version that went with its secret is no longer there to be read, and can still be erased.
  if (removed === undefined) findVersion(document, locator);
  if (secret === undefined) throw missing(secret);
  checkVersion(currentVersion(secret), ifVersion);
  const versions =
    version === undefined
      ? secret.versions.map((one) => (isThere(one) ? { ...one, removedAt: now } : one))
      : secret.versions.filter((one) => one.version !== version);
  return { document: withSecret(document, path, { ...secret, versions }), result: undefined };
}

/** Brings back what was removed. @throws SecretsError `not-found` when there is nothing to bring back. */
export function restoreSecret(document: StoreDocument, path: string): Changed<string> {
  const secret = document.secrets.get(path);
  if (secret === undefined || secret.versions.every(isThere)) {
    throw fail(
      "not-found",
      "nothing under this name was removed",
      "What was removed can be brought back for 30 days. See keyhold list.",
    );
  }
  const versions = secret.versions.map(({ removedAt: _, ...one }): StoredVersion => one);
  return { document: withSecret(document, path, { ...secret, versions }), result: (versions[0] as StoredVersion).version };
}

/** Erases what was removed too long ago to be brought back. */
export function eraseRemoved(document: StoreDocument, now: number): StoreDocument {
  let left = document;
  for (const [path, secret] of document.secrets) {
    const versions = secret.versions.filter(({ removedAt }) => removedAt === undefined || now - removedAt < keptRemovedMs);
    if (versions.length < secret.versions.length) left = withSecret(left, path, { ...secret, versions });
  }
  return left;
}
