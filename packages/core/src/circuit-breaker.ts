import type { Clock } from "./clock.ts";
import { SecretsError } from "./errors.ts";
import type { Outcome, ReadMany } from "./read-many.ts";
import { isOutage } from "./secret-cache.ts";

const opensAfter = 5;
const rest = { firstMs: 5_000, longestMs: 30_000 };

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

  /** Milliseconds until a call may pass; 0 when it may now, which takes the one probe of a resting backend. */
  enter(): number {
    if (!this.isOpen) return 0;
    const left = this.#restsUntil - this.#clock.monotonic();
    if (left > 0) return left;
    if (this.#probing) return rest.firstMs;
    this.#probing = true;
    return 0;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#restMs = rest.firstMs;
    this.#probing = false;
  }

  /** The call ended in a way that tells nothing about the backend: its caller left. */
  leave(): void {
    this.#probing = false;
  }

  failed(retryAfterMs = 0): void {
    this.#failures += 1;
    this.#probing = false;
    // Of many that were under way together the first opens it; the others are no news.
    if (!this.isOpen || this.#clock.monotonic() < this.#restsUntil) return;
    this.#restsUntil = this.#clock.monotonic() + Math.max(this.#restMs, Math.min(retryAfterMs, 10 * rest.longestMs));
    this.#restMs = Math.min(this.#restMs * 2, rest.longestMs);
  }
}

/** A layer that fails at once, as `unavailable`, while the backend rests. Only outages count: an answer that says no is an answer. */
export function breaking(next: ReadMany, breaker: CircuitBreaker): ReadMany {
  return async (locators, context) => {
    const waitMs = breaker.enter();
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
    const outcomes = await next(locators, context);
    const failures = outcomes.filter(isOutage);
    if (context.signal.aborted && context.clock.monotonic() < context.deadlineAt) breaker.leave();
    else if (failures.length < outcomes.length) breaker.succeeded();
    else breaker.failed(Math.max(...failures.map((failure: Outcome) => (failure as SecretsError).retryAfterMs ?? 0)));
    return outcomes;
  };
}
