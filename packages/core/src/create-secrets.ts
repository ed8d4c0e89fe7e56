import type { Clock } from "./clock.ts";
import type { SecretsError } from "./errors.ts";
import type { LapseReason } from "./kept-lease.ts";
import type { Provider } from "./provider.ts";
import type { Secrets } from "./secrets.ts";
import { SecretsClient } from "./secrets-client.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** How long what was read serves. */
export interface FreshnessOptions {
  /** How long a value is fresh, in milliseconds, give or take a tenth; it is read again ahead at 80 % of that. Default: 300,000. */
  readonly ttlMs?: number;
  /** How long after that it still serves while the backend is down, in milliseconds. Default: 3,600,000. */
  readonly maxStaleMs?: number;
}

export interface CacheOptions extends FreshnessOptions {
  /** How long an absence or a refusal is remembered, in milliseconds. Default: 5,000. */
  readonly negativeMs?: number;
  /** How many values are held at most, up to 1,000,000. Default: 1,000. */
  readonly maxEntries?: number;
  /** How many bytes of values are held at most. Default: 16 MiB. A larger value is returned and not held. */
  readonly maxBytes?: number;
  /** Freshness of what lies under a prefix of references, such as `aws://prod/`; the longest prefix counts. */
  readonly overrides?: Readonly<Record<string, FreshnessOptions>>;
}

/**
 * What happens beside the calls. Never a value.
 *
 * `read`: a backend gave a value, which nothing was held for (`miss`) or which replaced what was held (`refreshed`). `stale`: it
 * is down, and what is held goes on serving. `snapshot-used`: it is down, nothing was held, and the snapshot serves.
 * `renewal-failed`: a lease could not be renewed or replaced in time; it is tried again. `lapsed`: a lease ended, told once: `unused`,
 * as nobody had read it for the length of a lease or held a handle; `revoked`, as the backend said when it was to be renewed;
 * `expired` before it could be renewed or replaced, with the last failure if there was one. `revocation-failed`: a lease of no more
 * use lives until its own end.
 */
export type SecretsEvent =
  | {
      readonly type: "read";
      readonly reference: string;
      readonly version: string;
      readonly outcome: "miss" | "refreshed";
      /** How long the backend took, retries included, in milliseconds. */
      readonly upstreamMs: number;
    }
  | { readonly type: "stale" | "snapshot-used"; readonly reference: string; readonly ageMs: number; readonly error: SecretsError }
  | { readonly type: "snapshot-failed"; readonly error: SecretsError }
  | { readonly type: "changed"; readonly reference: string; readonly version: string | undefined }
  | { readonly type: "refresh-failed"; readonly reference: string; readonly error: SecretsError }
  | { readonly type: "watch-failed"; readonly reference: string; readonly error: SecretsError }
  | { readonly type: "listener-failed"; readonly reference: string }
  | { readonly type: "renewal-failed" | "revocation-failed"; readonly reference: string; readonly error: SecretsError }
  | { readonly type: "lapsed"; readonly reference: string; readonly reason: LapseReason; readonly failure?: SecretsError }
  | { readonly type: "close-failed"; readonly provider: string; readonly error: SecretsError };

export interface SecretsOptions<P extends Readonly<Record<string, Provider>>> {
  /** The name in references, and its provider. Two accounts of one cloud are two names. */
  readonly providers: P;
  readonly cache?: CacheOptions;
  /** How long a call may take unless it says otherwise, in milliseconds. Default: 10,000. */
  readonly deadlineMs?: number;
  /**
   * How long what was replaced stays usable, so that connections can move to what replaced it, in milliseconds: a lease is revoked so
   * long after another took its place. Default: 60,000.
   */
  readonly overlapMs?: number;
  /** Driver calls to one provider at the same time. Default: 32. */
  readonly concurrency?: number;
  /** Whether reads that failed in a way that may pass are tried again, up to three times within the deadline. Default: true. */
  readonly retry?: boolean;
  /** Whether many are read by the backend's own call for many, where it has one. Default: true. */
  readonly batch?: boolean;
  /**
   * Where the last known good values are kept on disk, so that a process can start while its backend is down: `snapshot()` of
   * `@keyhold/local`. Every read without a lease is recorded. Default: nowhere.
   */
  readonly snapshot?: SnapshotStore;
  /** Called for what happens beside the calls. What it throws is dropped. */
  readonly onEvent?: (event: SecretsEvent) => void;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests: like `Math.random`. */
  readonly random?: () => number;
}

/**
 * Makes the client. It opens nothing: each provider signs in at its first call. Close it on shutdown.
 *
 * @throws SecretsError `invalid-argument` for a provider name that no reference can hold, or options out of range.
 * @example
 * const secrets = createSecrets({ providers: { local: local() } });
 * const key = await secrets.get("local://openai");
 */
export function createSecrets<const P extends Readonly<Record<string, Provider>>>(
  options: SecretsOptions<P>,
): Secrets<keyof P & string> {
  return new SecretsClient(options) as unknown as Secrets<keyof P & string>;
}
