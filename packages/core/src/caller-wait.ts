import type { Clock } from "./clock.ts";
import type { SecretsError } from "./errors.ts";
import { abortError, timeoutError } from "./run-call.ts";

export interface CallerLimits {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * How one caller waits for what others may wait for too: until its own deadline, or its signal. However many secrets a call asks for,
 * it has one timer and one listener, as long as all its waits begin together: the deadline runs from the first of them, and one that
 * begins when no other is left begins anew.
 *
 * @throws SecretsError, from each wait, `timeout` or `aborted`, or whatever is waited for throws.
 */
export function callerWait({ clock, deadlineMs, signal }: CallerLimits): <T>(work: Promise<T>) => Promise<T> {
  const waiting = new Set<(error: SecretsError) => void>();
  let finish = () => {};
  const stop = (error: SecretsError) => {
    finish();
    for (const reject of waiting) reject(error);
    waiting.clear();
  };
  const begin = () => {
    const onAbort = () => stop(abortError(signal as AbortSignal));
    signal?.addEventListener("abort", onAbort, { once: true });
    const cancelTimer = clock.setTimer(() => stop(timeoutError(deadlineMs)), deadlineMs, { keepAlive: true });
    finish = () => {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    };
  };
  return (work) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      if (waiting.size === 0) begin();
      waiting.add(reject);
      const leave = () => {
        if (waiting.delete(reject) && waiting.size === 0) finish();
      };
      return work.finally(leave).then(resolve, reject);
    });
}
