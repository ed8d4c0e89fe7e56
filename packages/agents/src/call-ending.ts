import { SecretsError } from "@keyhold/core";

/** What ends a call early: its caller, a revoked grant, its deadline. */
export interface CallEnding {
  /** Aborted with the caller's own reason, or a `SecretsError`. */
  readonly signal: AbortSignal;
  /** When the call is over, so that nothing is kept for it. */
  release(): void;
}

/** Holds on to who may end it until it is released: the signal of a `Request` that was collected is never aborted. */
export function createCallEnding(enders: readonly { readonly signal: AbortSignal }[], deadlineMs: number): CallEnding {
  const controller = new AbortController();
  const end = (reason: unknown) => {
    controller.abort(reason);
    release();
  };
  const removals = enders.map((ender) => {
    const { signal } = ender;
    const abort = () => end(signal.reason);
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener("abort", abort, { once: true });
    return () => ender.signal.removeEventListener("abort", abort);
  });
  const timer = setTimeout(() => {
    const hint = "Raise deadlineMs, or check what answers there.";
    end(new SecretsError("timeout", `the answer was not complete after ${deadlineMs} ms`, { hint }));
  }, deadlineMs);
  timer.unref();
  function release(): void {
    clearTimeout(timer);
    for (const remove of removals) remove();
  }
  return { signal: controller.signal, release };
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
