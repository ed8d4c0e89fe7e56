import type { Page, SecretRecord, SecretSummary, VersionSummary } from "@keyhold/core";
import { fail } from "./errors.ts";
import type { StoreDocument, StoredVersion } from "./store-document.ts";
import { currentVersion, findVersion } from "./store-operations.ts";

const pageSize = 100;

/** What `read` gives of a version. */
export function recordOf({ value, version, createdAt, contentType, labels }: StoredVersion): SecretRecord {
  return {
    content: { kind: "opaque", value, ...(contentType === undefined ? {} : { contentType }) },
    version,
    createdAt,
    ...(labels === undefined ? {} : { labels }),
  };
}

/** One page of the secrets that are there, by name. The cursor is the last name of the page before, so that it outlives changes. */
export function listSecrets(document: StoreDocument, prefix: string, cursor: string | undefined): Page<SecretSummary> {
  const summaries: SecretSummary[] = [];
  for (const [path, secret] of document.secrets) {
    const current = currentVersion(secret);
    if (!current || !path.startsWith(prefix) || (cursor !== undefined && path <= cursor)) continue;
    const { version, createdAt: updatedAt, labels } = current;
    summaries.push({ path, version, createdAt: secret.createdAt, updatedAt, ...(labels === undefined ? {} : { labels }) });
  }
  summaries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const items = summaries.slice(0, pageSize);
  const last = items.at(-1);
  return last && summaries.length > pageSize ? { items, next: last.path } : { items };
}

/** All versions of a secret, newest first: there are never more than one page. @throws SecretsError `not-found`. */
export function listVersions(document: StoreDocument, path: string, cursor: string | undefined): Page<VersionSummary> {
  if (cursor !== undefined) throw fail("invalid-argument", "this cursor is none of the local store's", "Start without one.");
  findVersion(document, { path });
  const items = (document.secrets.get(path)?.versions ?? []).map(
    ({ version, createdAt, removedAt }): VersionSummary => ({
      version,
      createdAt,
      state: removedAt === undefined ? "enabled" : "deleted",
    }),
  );
  return { items };
}
