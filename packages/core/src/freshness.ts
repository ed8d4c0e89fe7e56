import type { Lease } from "./provider.ts";

/** How long what was read serves. */
export interface Freshness {
  /** How long it is fresh, in milliseconds. */
  readonly ttlMs: number;
  /** How long after that it still serves while the backend is down. */
  readonly maxStaleMs: number;
}

/** `ttlMs` varies by so much either way, so that what was read together does not expire together. */
const jitter = 0.1;

/** After so much of its freshness a value that is asked for is read again, while the held one is served. */
export const refreshAheadAt = 0.8;

/** What one reading is worth: jittered, and never longer than its lease. */
export function freshnessOf({ ttlMs, maxStaleMs }: Freshness, lease: Lease | undefined, random: () => number): Freshness {
  // A leased value ends with its lease: it is read again at two thirds, and never served past its end.
  if (lease) return { ttlMs: (lease.durationMs * 2) / 3, maxStaleMs: lease.durationMs / 3 };
  const freshMs = ttlMs * (1 - jitter + 2 * jitter * random());
  // Jitter spreads the reads. It does not shorten an outage that the value outlives, unless nothing may be served in one at all.
  return { ttlMs: freshMs, maxStaleMs: maxStaleMs > 0 ? maxStaleMs + Math.max(0, ttlMs - freshMs) : 0 };
}

/** `fresh`: serve. `due`: serve, and read again meanwhile. `stale`: read again, and serve only if the backend is down. `over`: gone. */
export type HeldState = "fresh" | "due" | "stale" | "over";

export function stateAt(ageMs: number, { ttlMs, maxStaleMs }: Freshness): HeldState {
  if (ageMs < ttlMs * refreshAheadAt) return "fresh";
  if (ageMs < ttlMs) return "due";
  return ageMs < ttlMs + maxStaleMs ? "stale" : "over";
}
