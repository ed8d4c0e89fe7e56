import { type CallContext, type Clock, SecretsError, throwIfEnded } from "@keyhold/core";

/** Waits for `work` no longer than the call lasts. Nothing stays on the signal. */
function whileCallLasts<T>(work: Promise<T>, context: CallContext): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => {
      try {
        throwIfEnded(context);
      } catch (error) {
        reject(error);
      }
    };
    context.signal.addEventListener("abort", end, { once: true });
    work.then(resolve, reject).finally(() => context.signal.removeEventListener("abort", end));
  });
}

/**
 * One run of `work` for all who want it while it lasts. A caller's abort ends its own waiting; when nobody waits any more, the run
 * ends too. `closing` ends everything.
 */
export function sharedRun<T>(
  work: (context: CallContext) => Promise<T>,
  closing: AbortSignal,
): (context: CallContext) => Promise<T> {
  let running: { readonly result: Promise<T>; readonly nobody: AbortController; waiting: number } | undefined;

  const start = (clock: Clock) => {
    const nobody = new AbortController();
    const result = work({ signal: AbortSignal.any([nobody.signal, closing]), deadlineAt: Number.POSITIVE_INFINITY, clock });
    const run = { result, nobody, waiting: 0 };
    const over = () => {
      if (running === run) running = undefined;
    };
    result.then(over, over);
    return run;
  };

  return async (context) => {
    throwIfEnded(context);
    running ??= start(context.clock);
    const run = running;
    run.waiting += 1;
    let isServed = false;
    try {
      const result = await whileCallLasts(run.result, context);
      isServed = true;
      return result;
    } finally {
      run.waiting -= 1;
      // There is nothing to end after a success, and an error takes its time to make.
      if (run.waiting === 0 && !isServed) {
        if (running === run) running = undefined;
        run.nobody.abort(new SecretsError("aborted", "nobody waits for this any more"));
      }
    }
  };
}
