import { SecretsError } from "./errors.ts";
import { type CallContext, remainingMs } from "./provider.ts";
import { abortError } from "./run-call.ts";

/**
 * For drivers: ends a call that is over before it begins, so that nothing is sent for it.
 * @throws SecretsError `aborted`, or whatever the signal says, and `timeout` when the deadline has passed.
 */
export function throwIfEnded(context: CallContext): void {
  if (context.signal.aborted) throw abortError(context.signal);
  if (remainingMs(context) <= 0) throw new SecretsError("timeout", "the deadline had passed before the call began");
}
