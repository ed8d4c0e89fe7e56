import { type CallContext, SecretsError } from "@keyhold/core";

/** Waits for `work`, but no longer than the caller does. The work itself goes on. */
export async function untilEnded<T>(work: Promise<T>, { signal }: Pick<CallContext, "signal">): Promise<T> {
  let stop = () => {};
  const ended = new Promise<never>((_resolve, reject) => {
    const end = () =>
      reject(signal.reason instanceof SecretsError ? signal.reason : new SecretsError("aborted", "the call was aborted"));
    if (signal.aborted) return end();
    signal.addEventListener("abort", end, { once: true });
    stop = () => signal.removeEventListener("abort", end);
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    stop();
  }
}
