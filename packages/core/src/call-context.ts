import { type Clock, systemClock } from "./clock.ts";
import { SecretsError } from "./errors.ts";
import type { CallContext } from "./provider.ts";

export interface CallContextOptions {
  /** How long the call may take, in milliseconds. `Infinity`: for a watch. Default: 10,000. */
  readonly deadlineMs?: number;
  /** Ends the call before its deadline. */
  readonly signal?: AbortSignal;
  /** Default: the machine's clocks. */
  readonly clock?: Clock;
}

/**
 * The context that the client would hand to a driver, for what a provider has beside the contract (`aws().restore(…)`) and for tests.
 * Its signal is aborted with a `SecretsError`: `timeout` at the deadline,
 * `aborted` by your signal.
 *
 * @example
 * await provider.restore("prod/db", callContext());
 */
export function callContext({ deadlineMs = 10_000, signal, clock = systemClock }: CallContextOptions = {}): CallContext {
  const controller = new AbortController();
  const abort = () => controller.abort(new SecretsError("aborted", "the caller aborted this call"));
  const expire = () => controller.abort(new SecretsError("timeout", `no answer within ${deadlineMs} ms`));
  if (deadlineMs <= 0) expire();
  else if (deadlineMs !== Infinity) clock.setTimer(expire, deadlineMs);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return { signal: controller.signal, deadlineAt: clock.monotonic() + deadlineMs, clock };
}
