import { type CallContext, isSecretsError, remainingMs, SecretsError } from "@keyhold/core";

/** The error that an aborted call ends with: `timeout` past its deadline, otherwise `aborted`. */
export function abortError(context: CallContext): SecretsError {
  const { reason } = context.signal;
  if (isSecretsError(reason)) return reason;
  if (remainingMs(context) === 0) return new SecretsError("timeout", "the deadline of this call has passed");
  return new SecretsError("aborted", "this call was aborted");
}

export function throwIfAborted(context: CallContext): void {
  if (context.signal.aborted) throw abortError(context);
}
