import { type CallContext, type Clock, SecretsError, systemClock } from "@keyhold/core";

export interface CallContextOptions {
  /** How long the call may take, in milliseconds. Default: 10,000. */
  readonly deadlineMs?: number;
  /** Ends the call before its deadline. */
  readonly signal?: AbortSignal;
  /** Default: the machine's clocks. */
  readonly clock?: Clock;
}

/**
 * The context that the client would hand to a driver: its signal is aborted at the deadline, or by yours.
 *
 * @example
 * const record = await provider.read({ path: "db" }, callContext());
 */
export function callContext({ deadlineMs = 10_000, signal, clock = systemClock }: CallContextOptions = {}): CallContext {
  const deadline = new AbortController();
  clock.setTimer(() => deadline.abort(new SecretsError("timeout", "the deadline of this call has passed")), deadlineMs);
  return {
    signal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
    deadlineAt: clock.monotonic() + deadlineMs,
    clock,
  };
}
