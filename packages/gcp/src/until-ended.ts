import { type CallContext, throwIfEnded } from "@keyhold/core";

/** Waits for `work`, and no longer than the call may last; then `cancel` is told, and what still arrives is let go. */
export function untilEnded<T>(work: Promise<T>, context: CallContext, cancel: () => void = () => {}): Promise<T> {
  const { signal } = context;
  return new Promise((resolve, reject) => {
    const end = () => {
      try {
        throwIfEnded(context);
      } catch (error) {
        reject(error);
        cancel();
      }
    };
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}
