import { type CallContext, SecretsError, type VersionState, type VersionSummary } from "@keyhold/core";
import type { Place } from "./mounts.ts";
import { timeOf } from "./read-secret.ts";
import type { Session } from "./session.ts";
import { unexpectedAnswer } from "./vault-error.ts";

interface MetadataAnswer {
  readonly current_version?: unknown;
  readonly created_time?: unknown;
  readonly updated_time?: unknown;
  readonly custom_metadata?: Readonly<Record<string, string>> | null;
  readonly versions?: Readonly<Record<string, { created_time?: unknown; deletion_time?: unknown; destroyed?: unknown }>>;
}

/** What version 2 of the key-value store knows of a secret, without its values. */
export interface Metadata {
  /** Undefined when the newest version is deleted or destroyed, or was never written. */
  readonly current: VersionSummary | undefined;
  /** What a compare-and-set compares with: it counts on over deleted versions, and is 0 before the first. */
  readonly newest: number;
  /** Newest first. */
  readonly versions: readonly VersionSummary[];
  readonly createdAt?: number;
  readonly updatedAt?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export function metadataPath({ mount, name }: Place): string {
  return `${mount.path}metadata/${name}`;
}

function summaries(answer: MetadataAnswer, now: number): VersionSummary[] {
  return Object.entries(answer.versions ?? {})
    .map(([version, { created_time, deletion_time, destroyed }]): VersionSummary => {
      const createdAt = timeOf(created_time);
      const endsAt = timeOf(deletion_time);
      // A deletion time to come is that of delete_version_after.
      const deleted: VersionState = endsAt !== undefined && endsAt <= now ? "deleted" : "enabled";
      return {
        version,
        state: destroyed === true ? "destroyed" : deleted,
        ...(createdAt === undefined ? {} : { createdAt }),
        ...(endsAt === undefined ? {} : { expiresAt: endsAt }),
      };
    })
    .sort((a, b) => Number(b.version) - Number(a.version));
}

/** @throws SecretsError `not-found` for a secret that was never written. */
export async function readMetadata(session: Session, place: Place, context: CallContext): Promise<Metadata> {
  const { body } = await session.call("GET", metadataPath(place), {}, context);
  const answer = (body?.data ?? {}) as MetadataAnswer;
  const { current_version: newest, custom_metadata: labels } = answer;
  if (typeof newest !== "number") throw unexpectedAnswer("versions");
  const versions = summaries(answer, context.clock.now());
  const createdAt = timeOf(answer.created_time);
  const updatedAt = timeOf(answer.updated_time);
  return {
    newest,
    versions,
    current: versions.find(({ version, state }) => version === String(newest) && state === "enabled"),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(updatedAt === undefined ? {} : { updatedAt }),
    ...(labels ? { labels } : {}),
  };
}

/** The version that is named, or the current one. @throws SecretsError `not-found` unless it can be read. */
export function enabledVersion({ current, versions }: Metadata, named: string | undefined): VersionSummary {
  const found = named === undefined ? current : versions.find(({ version, state }) => version === named && state === "enabled");
  if (found !== undefined) return found;
  throw new SecretsError("not-found", named === undefined ? "there is no such secret" : "there is no such version", {
    provider: "vault",
    hint: "Deleted versions can be brought back with undelete().",
  });
}
