import type { Clock } from "./clock.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import type { CallContext } from "./provider.ts";
import type { Outcome, ReadMany } from "./read-many.ts";
import { isOutage } from "./secret-cache.ts";

const opensAfter = 5;
const rest = { firstMs: 5_000, longestMs: 30_000 };

/** How one call may pass: at once, or after so many milliseconds; and whether all wait for what comes of it. */
export interface Passage {
  readonly waitMs: number;
  readonly isProbe: boolean;
}

/** Whether a backend is worth asking: after five failures in a row it rests, then one call at a time probes it. */
export class CircuitBreaker {
  readonly #clock: Clock;
  #failures = 0;
  #restMs = rest.firstMs;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #probing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.#failures >= opensAfter;
  }

  /** Asks to pass. Whoever passes tells how it ended, by one of the three below. */
  enter(): Passage {
    if (!this.isOpen) return { waitMs: 0, isProbe: false };
    const left = this.#restsUntil - this.#clock.monotonic();
    if (left > 0) return { waitMs: left, isProbe: false };
    if (this.#probing) return { waitMs: rest.firstMs, isProbe: false };
    this.#probing = true;
    return { waitMs: 0, isProbe: true };
  }

  succeeded(): void {
    this.#failures = 0;
    this.#restMs = rest.firstMs;
    this.#probing = false;
  }

  /** The call ended in a way that tells nothing about the backend: its caller left. */
  leave({ isProbe }: Passage): void {
    if (isProbe) this.#probing = false;
  }

  failed({ isProbe }: Passage, retryAfterMs = 0): void {
    // Of many that were under way together the fifth opens it; the others are no news, and none of them is the probe.
    if (this.isOpen && !isProbe) return;
    if (isProbe) this.#probing = false;
    this.#failures += 1;
    if (!this.isOpen) return;
    this.#restsUntil = this.#clock.monotonic() + Math.max(this.#restMs, Math.min(retryAfterMs, 10 * rest.longestMs));
    this.#restMs = Math.min(this.#restMs * 2, rest.longestMs);
  }
}

/** Whether a call was ended by those who wait for it before it had its time: their leaving tells nothing about the backend. */
function wasLeft({ clock, deadlineAt, signal }: CallContext, startedAt: number): boolean {
  if (!signal.aborted) return false;
  if (!isSecretsError(signal.reason, "timeout")) return true;
  // A caller's timer may come a little before the call's own, and ends it where that caller is the only one.
  const now = clock.monotonic();
  return deadlineAt - now > (now - startedAt) / 10;
}

/** A layer that fails at once, as `unavailable`, while the backend rests. Only outages count: an answer that says no is an answer. */
export function breaking(next: ReadMany, breaker: CircuitBreaker): ReadMany {
  return async (locators, context) => {
    const passage = breaker.enter();
    const { waitMs } = passage;
    if (waitMs > 0) {
      const error = new SecretsError(
        "unavailable",
        "the backend did not answer several times in a row and is left alone for a while",
        {
          retryAfterMs: Math.ceil(waitMs),
          hint: "It is tried again by itself. See why the backend is down.",
        },
      );
      return locators.map(() => error);
    }
    const startedAt = context.clock.monotonic();
    const outcomes = await next(locators, context);
    const failures = outcomes.filter(isOutage);
    if (wasLeft(context, startedAt)) breaker.leave(passage);
    else if (failures.length < outcomes.length) breaker.succeeded();
    else breaker.failed(passage, Math.max(...failures.map((failure: Outcome) => (failure as SecretsError).retryAfterMs ?? 0)));
    return outcomes;
  };
}
