import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";

/** One signal for all that can end an exchange. Its reason is always a `SecretsError`. */
export interface CallLimit {
  readonly signal: AbortSignal;
  /** Moves the end of waiting, on the call's monotonic clock. */
  endAt(deadlineAt: number): void;
  /** Ends the exchange now. */
  end(error: SecretsError): void;
  /** Takes the timer and the listener away. */
  dispose(): void;
}

/** Follows a call's signal and waits for `peer` until `deadlineAt` at the latest. */
export function callLimit({ signal, clock }: CallContext, deadlineAt: number, peer: string): CallLimit {
  const controller = new AbortController();
  const end = (error: SecretsError) => controller.abort(error);
  const timedOut = () =>
    new SecretsError("timeout", `${peer} did not answer in time`, {
      hint: "The server hangs or is slow, or the deadline is too short for it.",
    });
  const onAbort = () => {
    const reason: unknown = signal.reason;
    if (isSecretsError(reason)) return end(reason);
    const late = clock.monotonic() >= deadlineAt || (reason as { readonly name?: unknown } | undefined)?.name === "TimeoutError";
    return end(late ? timedOut() : new SecretsError("aborted", `the call to ${peer} was aborted`));
  };
  let cancelTimer = () => {};
  const endAt = (at: number) => {
    deadlineAt = at;
    cancelTimer();
    cancelTimer = at === Number.POSITIVE_INFINITY ? () => {} : clock.setTimer(() => end(timedOut()), at - clock.monotonic());
  };
  if (signal.aborted) onAbort();
  else if (deadlineAt <= clock.monotonic()) end(timedOut());
  else {
    signal.addEventListener("abort", onAbort, { once: true });
    endAt(deadlineAt);
  }
  return {
    signal: controller.signal,
    endAt,
    end,
    dispose() {
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
    },
  };
}
