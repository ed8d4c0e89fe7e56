import type { Check, Effort } from "./check.ts";
import { hostileFileChecks } from "./hostile-files.ts";
import { killChecks } from "./kills.ts";
import { writerChecks } from "./writers.ts";

/** All that a durable store does. */
export const durabilityChecks: readonly Check[] = [...writerChecks, ...killChecks, ...hostileFileChecks];

const isSlow = process.env.KEYHOLD_SLOW === "1";

export const effort: Effort = isSlow
  ? { writesEach: 200, addsEach: 50, killsInWindow: 30, randomKills: 300 }
  : { writesEach: 8, addsEach: 4, killsInWindow: 1, randomKills: 3 };

/** How long one check may take. */
export const checkTimeoutMs: number = isSlow ? 600_000 : 120_000;

/** Enough for a store that fails: a check ends with its first failure. */
export const controlEffort: Effort = { writesEach: 5, addsEach: 3, killsInWindow: 1, randomKills: isSlow ? 300 : 2 };
