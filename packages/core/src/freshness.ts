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

/** How long one of many readings is fresh. Whole milliseconds take no memory of their own in an object. */
export const jittered = (ttlMs: number, random: () => number): number => Math.round(ttlMs * (1 - jitter + 2 * jitter * random()));

/** `fresh`: serve. `due`: serve, and read again meanwhile. `stale`: read again, and serve only if the backend is down. `over`: gone. */
export type HeldState = "fresh" | "due" | "stale" | "over";

/** `freshMs` is the reading's own, jittered `ttlMs`. */
export function stateAt(ageMs: number, freshMs: number, { ttlMs, maxStaleMs }: Freshness): HeldState {
  if (ageMs < freshMs * refreshAheadAt) return "fresh";
  if (ageMs < freshMs) return "due";
  // Jitter spreads the reads. It does not shorten an outage that the value outlives, unless nothing may be served in one at all.
  return maxStaleMs > 0 && ageMs < Math.max(freshMs, ttlMs) + maxStaleMs ? "stale" : "over";
}
