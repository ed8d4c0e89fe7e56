import { type CallContext, isSecretsError, remainingMs, type SecretsError } from "@keyhold/core";
import { fail } from "./errors.ts";

function abortError(context: CallContext): SecretsError {
  const { reason } = context.signal;
  if (isSecretsError(reason)) return reason;
  if (remainingMs(context) === 0) return fail("timeout", "the deadline of this call has passed", "Give it a longer deadlineMs.");
  return fail("aborted", "this call was aborted", "Whoever gave the signal ended it.");
}

export function throwIfAborted(context: CallContext): void {
  if (context.signal.aborted || remainingMs(context) === 0) throw abortError(context);
}

/** Waits for `work`, but no longer than the caller does. The work itself goes on. */
export async function untilAborted<T>(work: Promise<T>, context: CallContext): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(context));
    if (context.signal.aborted) stop();
    else context.signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    context.signal.removeEventListener("abort", stop);
  }
}
