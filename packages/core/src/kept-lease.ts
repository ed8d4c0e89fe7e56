import type { SecretsError } from "./errors.ts";
import type { Lease } from "./provider.ts";
import type { Secret } from "./secret.ts";
import type { Held } from "./secret-cache.ts";
import type { Target } from "./target.ts";

/**
 * Why a secret is served no more: `unused`: nobody had read it for the length of a lease, or held a handle; `revoked`: the backend said
 * so when it was to be renewed; `expired`: its time was over before it could be renewed or replaced.
 */
export type LapseReason = "unused" | "revoked" | "expired";

/** One secret under its lease. Times are `HotTime.elapsed`. */
export interface KeptLease {
  /** Of the whole secret. */
  readonly target: Target;
  readonly held: Held;
  lease: Lease;
  /** Counted from before the backend was asked: never later than the backend's own end of it. */
  endsAt: number;
  /** The longest that was ever granted at once. */
  wholeMs: number;
  usedAt: number;
  /** When to renew or replace it next, and when that was last begun. */
  nextAt: number;
  attemptedAt: number;
  isWorking: boolean;
  /** Nobody wanted it when it was due, so it is left to end unless somebody reads it before that. */
  isIdle: boolean;
  /** Whether it is to be read anew, as it cannot be renewed any more. */
  isEnding: boolean;
  /** Attempts that failed in a row, and the last failure. */
  failures: number;
  error: SecretsError | undefined;
  /** Its end was told. It stays for the handles that wait for the next one. */
  isOver: boolean;
}

/** However the backend writes it: what lasts for no time is over. */
export const durationOf = ({ durationMs }: Lease): number => (durationMs > 0 ? durationMs : 0);

/** A lease as it is when it was given. `before`: what it replaces. */
export function keptLease(target: Target, secret: Secret, lease: Lease, startedAt: number, before?: KeptLease): KeptLease {
  const durationMs = durationOf(lease);
  return {
    target: { ...target, field: undefined, reference: target.key },
    held: {
      secret,
      freshness: { ttlMs: durationMs, maxStaleMs: 0 },
      freshMs: durationMs,
      readAt: startedAt,
      nextLookAt: 0,
      rare: undefined,
    },
    lease,
    endsAt: startedAt + durationMs,
    wholeMs: durationMs,
    usedAt: before?.usedAt ?? startedAt,
    nextAt: startedAt,
    attemptedAt: before?.attemptedAt ?? Number.NEGATIVE_INFINITY,
    isWorking: false,
    isIdle: false,
    isEnding: !lease.renewable,
    failures: 0,
    error: undefined,
    isOver: false,
  };
}
