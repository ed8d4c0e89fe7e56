import { type CallContext, SecretsError, throwIfEnded } from "@keyhold/core";

interface Running<T> {
  readonly outcome: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** What `work` gives, or the end of this one caller's wait. */
function untilEnded<T>(work: Promise<T>, { signal, clock, deadlineAt }: CallContext): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const leave = () => {
      signal.removeEventListener("abort", aborted);
      cancelTimer();
    };
    const aborted = () => {
      leave();
      reject(signal.reason instanceof SecretsError ? signal.reason : new SecretsError("aborted", "the call was aborted"));
    };
    const late = () => {
      leave();
      reject(new SecretsError("timeout", "Conjur did not answer the sign-in in time", { provider: "conjur" }));
    };
    const cancelTimer = clock.setTimer(late, deadlineAt - clock.monotonic());
    signal.addEventListener("abort", aborted, { once: true });
    work.then(resolve, reject).finally(leave);
  });
}

/**
 * One call for all who ask while it is under way. Each waits by its own signal and deadline; when the last has gone, the call ends.
 */
export function sharedCall<T>(work: (context: CallContext) => Promise<T>): (context: CallContext) => Promise<T> {
  let running: Running<T> | undefined;

  const start = ({ clock }: CallContext): Running<T> => {
    const controller = new AbortController();
    const outcome = work({ signal: controller.signal, deadlineAt: Number.POSITIVE_INFINITY, clock });
    const mine: Running<T> = { outcome, controller, waiting: 0 };
    const ended = () => {
      if (running === mine) running = undefined;
    };
    outcome.then(ended, ended);
    return mine;
  };

  return async (context) => {
    throwIfEnded(context);
    running ??= start(context);
    const mine = running;
    mine.waiting += 1;
    try {
      return await untilEnded(mine.outcome, context);
    } finally {
      mine.waiting -= 1;
      if (mine.waiting === 0) {
        if (running === mine) running = undefined;
        mine.controller.abort(new SecretsError("aborted", "nobody waits for this sign-in any more"));
      }
    }
  };
}
