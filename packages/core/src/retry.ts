import type { Clock } from "./clock.ts";
import { isSecretsError, type SecretsError } from "./errors.ts";
import { type CallContext, type Locator, remainingMs } from "./provider.ts";
import type { Outcome, ReadMany } from "./read-many.ts";

const tries = 3;
const wait = { leastMs: 50, mostMs: 5_000 };
const budget = { windowMs: 10_000, share: 0.1, least: 3 };

/** Retries of one provider in each ten seconds: a tenth of its calls, or three. */
class RetryBudget {
  readonly #clock: Clock;
  #startedAt = Number.NEGATIVE_INFINITY;
  #calls = 0;
  #retries = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  countCall(): void {
    this.#turnOver();
    this.#calls += 1;
  }

  takeRetry(): boolean {
    this.#turnOver();
    if (this.#retries >= Math.max(budget.least, this.#calls * budget.share)) return false;
    this.#retries += 1;
    return true;
  }

  #turnOver(): void {
    const now = this.#clock.monotonic();
    if (now - this.#startedAt < budget.windowMs) return;
    this.#startedAt = now;
    this.#calls = 0;
    this.#retries = 0;
  }
}

function pause(context: CallContext, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      context.signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = context.clock.setTimer(done, delayMs, { keepAlive: true });
    context.signal.addEventListener("abort", done, { once: true });
    if (context.signal.aborted) done();
  });
}

export interface RetryEnvironment {
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether the backend is being left alone: then nothing is tried again. */
  isOpen(): boolean;
}

/**
 * A layer that tries again what failed in a way that may pass, and only that: at most three tries, decorrelated jitter between them
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), `Retry-After` honoured. It gives up at once when the
 * wait would outlast the deadline, or the provider's budget is spent.
 */
export function retrying(next: ReadMany, { clock, random, isOpen }: RetryEnvironment): ReadMany {
  const shared = new RetryBudget(clock);
  const read: ReadMany = (locators, context) => {
    shared.countCall();
    return next(locators, context);
  };
  return async (locators, context) => {
    const outcomes: Outcome[] = [...(await read(locators, context))];
    let delayMs = wait.leastMs;
    for (let turn = 1; turn < tries; turn += 1) {
      const failed = outcomes.flatMap((outcome, index) => (isRetryable(outcome) ? [index] : []));
      if (failed.length === 0) break;
      delayMs = Math.min(wait.mostMs, wait.leastMs + random() * (delayMs * 3 - wait.leastMs));
      const askedMs = Math.max(0, ...failed.map((index) => (outcomes[index] as SecretsError).retryAfterMs ?? 0));
      const pauseMs = Math.max(delayMs, askedMs);
      if (isOpen() || pauseMs >= remainingMs(context) || !shared.takeRetry()) break;
      await pause(context, pauseMs);
      if (context.signal.aborted) break;
      const again = await read(
        failed.map((index) => locators[index] as Locator),
        context,
      );
      failed.forEach((index, position) => {
        outcomes[index] = again[position] as Outcome;
      });
    }
    return outcomes;
  };
}

const isRetryable = (outcome: Outcome) => isSecretsError(outcome) && outcome.retryable;
