/** At most one attempt in so long for each lease. */
export const attemptEveryMs = 1_000;

/** So many attempts, each with its pause, have to fit between a renewal that gives too little and the end of the lease. */
const leastRoomMs = 15 * attemptEveryMs;
/** While it lasts there is time; once it is over, somebody may be waiting. */
const longestPauseMs = { before: 1_200_000, after: 60_000 };
const longestAskedMs = 300_000;

/**
 * After how long a lease or a token is renewed that lasts for so many milliseconds from now: after two thirds, or up to a twentieth of
 * that earlier, so that what was made together is not renewed together. For drivers too, whose tokens keep the same rule as leases.
 */
export const renewAfterMs = (durationMs: number, random: () => number = Math.random): number =>
  ((durationMs * 2) / 3) * (0.95 + 0.05 * random());

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
 * How long to wait after so many failures in a row, in milliseconds: longer each time, up to twenty minutes, but the closer to the end
 * the shorter, so that a backend that answers again before the end is asked before it. Never less than a second. `leftMs` of 0 or less:
 * it is over, and tried each minute. `retryAfterMs`: how long the backend asked to wait.
 */
export function renewalPauseMs(failures: number, leftMs: number, retryAfterMs = 0, random: () => number = Math.random): number {
  const longestMs = leftMs > 0 ? Math.min(longestPauseMs.before, leftMs / 10) : longestPauseMs.after;
  const backoffMs = Math.max(attemptEveryMs, leftMs / 200) * 2 ** Math.min(failures - 1, 10);
  const wantedMs = Math.max(backoffMs, Math.min(retryAfterMs, longestAskedMs));
  return Math.max(attemptEveryMs, Math.min(longestMs, wantedMs) * (0.75 + 0.5 * random()));
}
