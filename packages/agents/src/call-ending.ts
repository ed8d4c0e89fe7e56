import { SecretsError } from "@keyhold/core";

/** What ends a call early: its caller, a revoked grant, its deadline. */
export interface CallEnding {
  /** Aborted with the caller's own reason, or a `SecretsError`. */
  readonly signal: AbortSignal;
  /** When the call is over, so that nothing is kept for it. */
  release(): void;
}

export function createCallEnding(signals: readonly AbortSignal[], deadlineMs: number): CallEnding {
  const controller = new AbortController();
  const removals = signals.map((signal) => {
    const abort = () => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    return () => signal.removeEventListener("abort", abort);
  });
  const timer = setTimeout(() => {
    const hint = "Raise deadlineMs, or check what answers there.";
    controller.abort(new SecretsError("timeout", `the answer was not complete after ${deadlineMs} ms`, { hint }));
  }, deadlineMs);
  timer.unref();
  return {
    signal: controller.signal,
    release() {
      clearTimeout(timer);
      for (const remove of removals) remove();
    },
  };
}

/** Waits for `work`, and no longer than until `signal` is aborted: then it rejects with the signal's reason. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
