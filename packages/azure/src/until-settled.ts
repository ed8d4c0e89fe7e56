import { type CallContext, remainingMs, throwIfEnded } from "@keyhold/core";

const pauseMs = 500;

/** Repeats `work` while it fails as `isPassing`, which Key Vault's removals do for seconds, until the call ends. */
export async function untilSettled<T>(
  work: () => Promise<T>,
  isPassing: (error: unknown) => boolean,
  context: CallContext,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || remainingMs(context) <= pauseMs) throw error;
    }
    await pause(context);
    throwIfEnded(context);
  }
}

function pause({ signal, clock }: CallContext): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      signal.removeEventListener("abort", end);
      timer();
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
    const timer = clock.setTimer(end, pauseMs, { keepAlive: true });
  });
}
