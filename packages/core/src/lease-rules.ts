import type { SecretsError } from "./errors.ts";

/** At most one attempt in so long for each lease. */
export const attemptEveryMs = 1_000;

/** So many attempts, each with its pause, have to fit between a renewal that gives too little and the end of the lease. */
const leastRoomMs = 15 * attemptEveryMs;
const longestPauseMs = 60_000;

/**
 * After how long a lease or a token is renewed that lasts for so long from now: after two thirds, give or take a twentieth, so that
 * what was made together is not renewed together.
 */
export const renewAfterMs = (durationMs: number, random: () => number): number =>
  ((durationMs * 2) / 3) * (0.95 + 0.1 * random());

/**
 * Whether a renewal gave so much less than a whole lease that the next one would be of no use: the lease comes to its longest life.
 * One that gave somewhat less may be bound to a token that will be renewed itself, and is tried once more.
 */
export const isEnding = (grantedMs: number, wholeMs: number): boolean =>
  grantedMs < wholeMs * 0.9 && (grantedMs < wholeMs / 4 || grantedMs < leastRoomMs);

/** After how long a lease that is ending is replaced: so that both work for as long as connections need to move. */
export const replaceAfterMs = (durationMs: number, overlapMs: number, random: () => number): number =>
  Math.max(0, Math.min(renewAfterMs(durationMs, random), durationMs - overlapMs));

/** How long an attempt may take: half of what is left, so that one that hangs is not the last. */
export const attemptDeadlineMs = (leftMs: number, deadlineMs: number): number =>
  Math.min(deadlineMs, Math.max(attemptEveryMs, leftMs / 2));

/**
 * How long to wait after so many failures in a row: longer each time, but the closer to the end the shorter, so that a backend that
 * answers again before the end is asked before it. `leftMs` of 0 or less: it is over.
 */
export function pauseMs(failures: number, leftMs: number, error: SecretsError | undefined, random: () => number): number {
  const backoffMs = Math.min(longestPauseMs, attemptEveryMs * 2 ** Math.min(failures - 1, 10));
  const wantedMs = Math.max(backoffMs, Math.min(error?.retryAfterMs ?? 0, 5 * longestPauseMs));
  const boundMs = leftMs > 0 ? Math.min(wantedMs, leftMs / 10) : wantedMs;
  return Math.max(attemptEveryMs, boundMs * (0.75 + 0.5 * random()));
}
