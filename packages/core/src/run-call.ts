import type { Clock } from "./clock.ts";
import { SecretsError } from "./errors.ts";
import type { CallContext } from "./provider.ts";

export interface CallLimits {
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** From when the deadline counts, on `clock.monotonic()`. Default: now. */
  readonly startedAt?: number;
  /** Any of these ends the call: with its reason where that is a `SecretsError`, otherwise as `aborted`. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** Why a signal ended a call. */
export function abortError(signal: AbortSignal): SecretsError {
  // A caller's own reason is not passed on: it may hold anything.
  return signal.reason instanceof SecretsError ? signal.reason : new SecretsError("aborted", "the caller aborted this call");
}

/** Why a call's time ended it. */
export function timeoutError(deadlineMs: number): SecretsError {
  return new SecretsError("timeout", `no answer within ${deadlineMs} ms`, { hint: "Raise deadlineMs if the backend is slow." });
}

/**
 * Runs `work` and ends by the deadline or an abort, whatever `work` does: its signal is aborted, what it gives later is dropped,
 * and no timer or listener stays.
 *
 * @throws SecretsError `timeout` or `aborted`, or whatever `work` throws.
 */
export function runCall<T>(limits: CallLimits, work: (context: CallContext) => Promise<T>): Promise<T> {
  const { clock, deadlineMs, startedAt = clock.monotonic() } = limits;
  const deadlineAt = startedAt + deadlineMs;
  const controller = new AbortController();
  const signals = limits.signals.filter((signal) => signal !== undefined);
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted) return Promise.reject(abortError(aborted));
  return new Promise<T>((resolve, reject) => {
    const listeners: (() => void)[] = [];
    const finish = () => {
      cancelTimer();
      for (const remove of listeners) remove();
    };
    const stop = (error: SecretsError) => {
      finish();
      reject(error);
      controller.abort(error);
    };
    const cancelTimer = clock.setTimer(() => stop(timeoutError(deadlineMs)), deadlineAt - clock.monotonic(), { keepAlive: true });
    for (const signal of signals) {
      const listener = () => stop(abortError(signal));
      signal.addEventListener("abort", listener, { once: true });
      listeners.push(() => signal.removeEventListener("abort", listener));
    }
    const context: CallContext = { signal: controller.signal, deadlineAt, clock };
    Promise.resolve()
      .then(() => {
        // It may have ended in the turn that began it: then nothing is asked of anybody.
        controller.signal.throwIfAborted();
        return work(context);
      })
      .then(resolve, reject)
      .finally(finish);
  });
}
