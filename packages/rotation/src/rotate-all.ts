import {
  type BackendRotator,
  isSecretsError,
  type RotateOptions,
  type Rotation,
  type Rotator,
  type Secrets,
  SecretsError,
} from "@keyhold/core";
import { openJournal } from "./rotation-journal.ts";

export interface RotateAllOptions {
  /** Only what is older than this, in milliseconds, by the current version. Where the backend tells no age, it counts as old. Default: all. */
  readonly olderThanMs?: number;
  /** How many at the same time. Default: 4. */
  readonly concurrency?: number;
  /**
   * A file that keeps what was done, so that the next call of a run that died leaves that out. Without a value in it; removed when all
   * is done. One file for one set of secrets.
   */
  readonly journal?: string;
  /** For each rotation. */
  readonly options?: Omit<RotateOptions, "onProgress">;
  /** Called after each secret. What it throws is dropped. `progressBar` draws it. */
  readonly onProgress?: (progress: RotateAllProgress) => void;
}

export interface RotateAllProgress {
  readonly reference: string;
  /** `skipped`: it is young enough, or an earlier run did it. */
  readonly outcome: "rotated" | "skipped" | "failed";
  /** How many of `total` are behind us. */
  readonly done: number;
  readonly total: number;
}

export interface RotateAllResult {
  readonly rotated: readonly Rotation[];
  readonly skipped: readonly string[];
  readonly failed: readonly { readonly reference: string; readonly error: SecretsError }[];
}

/**
 * Rotates many secrets. One that fails stops no other, and stands in `failed`; calling again goes on with it.
 *
 * @throws SecretsError `invalid-argument` for options out of range or a journal of something else, `unavailable` for one that cannot be written.
 * @example
 * const { failed } = await rotateAll(secrets, { "aws://prod/db": postgres({ admin }), "aws://prod/webhook": hmac() },
 *   { olderThanMs: 30 * 24 * 3_600_000, journal: "rotation.journal", onProgress: progressBar() });
 */
export async function rotateAll(
  secrets: Pick<Secrets<string>, "rotate" | "versions">,
  rotators: Readonly<Record<string, Rotator | BackendRotator>>,
  { olderThanMs, concurrency = 4, journal: file, options = {}, onProgress }: RotateAllOptions = {},
): Promise<RotateAllResult> {
  if (!Number.isInteger(concurrency) || concurrency < 1 || (olderThanMs !== undefined && !(olderThanMs >= 0)))
    throw new SecretsError("invalid-argument", "concurrency is a whole number from 1, olderThanMs a number from 0");
  const journal = file === undefined ? undefined : await openJournal(file);
  const rotated: Rotation[] = [];
  const skipped: string[] = [];
  const failed: { reference: string; error: SecretsError }[] = [];
  const all = Object.entries(rotators);
  let done = 0;

  const rotateOne = async (reference: string, rotator: Rotator | BackendRotator): Promise<RotateAllProgress["outcome"]> => {
    try {
      if (journal?.done.has(reference) || (olderThanMs !== undefined && (await isYounger(secrets, reference, olderThanMs)))) {
        skipped.push(reference);
        return "skipped";
      }
      const rotation = await secrets.rotate(reference, rotator, options);
      rotated.push(rotation);
      if (!rotation.dryRun) await journal?.add(reference);
      return "rotated";
    } catch (error) {
      if (!isSecretsError(error)) throw error;
      failed.push({ reference, error });
      return "failed";
    }
  };

  const waiting = all.values();
  const work = async () => {
    for (const [reference, rotator] of waiting) {
      const outcome = await rotateOne(reference, rotator);
      done += 1;
      try {
        onProgress?.({ reference, outcome, done, total: all.length });
      } catch {}
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  if (failed.length === 0) await journal?.remove();
  return { rotated, skipped, failed };
}

async function isYounger(secrets: Pick<Secrets<string>, "versions">, reference: string, ageMs: number): Promise<boolean> {
  try {
    for await (const { createdAt, state } of secrets.versions(reference))
      if (state === "enabled") return createdAt !== undefined && Date.now() - createdAt < ageMs;
  } catch (error) {
    if (!isSecretsError(error, "unsupported", "permission-denied")) throw error;
  }
  return false;
}
