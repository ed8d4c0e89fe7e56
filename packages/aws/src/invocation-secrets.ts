import {
  type CheckedReferences,
  createSecrets,
  type GetOptions,
  isSecretsError,
  type Secrets,
  SecretsError,
  type SecretsFor,
} from "@keyhold/core";
import type { LambdaContext, LambdaOptions, LambdaReferences } from "./lambda-options.ts";
import { leanAws } from "./lean-aws.ts";
import { retryPauseMs } from "./retry-pause.ts";

/** How long one read may take, while nothing is held that could serve instead. */
const readMs = 10_000;
/** How long an invocation waits at the most, however much time it has. */
const mostMs = 30_000;
/** How long an invocation waits for newer values while older ones would do. */
const refreshMs = 1_000;
/** After newer values could not be had, how long older ones serve before the next try. */
const restMs = 10_000;
/** What is left of an invocation for telling that it failed: Lambda kills a sandbox that says nothing by its timeout. */
const reserveMs = 500;

/** How long this invocation may wait. */
function budgetMs(context: Partial<LambdaContext> | undefined): number {
  const left = context?.getRemainingTimeInMillis?.() ?? mostMs;
  return Math.min(mostMs, left - Math.min(reserveMs, left / 5));
}

/** One batch of references, as each invocation finds them. It begins to read when it is made, and never throws before it is asked. */
export function invocationSecrets<R extends LambdaReferences, N extends string>(
  references: R,
  options: LambdaOptions<N>,
): (context: Partial<LambdaContext> | undefined) => Promise<SecretsFor<R>> {
  const { maxAgeMs = 180_000 } = options;
  const secrets = options.secrets ?? (createSecrets({ providers: { aws: leanAws() } }) as unknown as Secrets<N>);
  const checked = references as unknown as CheckedReferences<R, N>;
  const drawLimitMs = () => maxAgeMs * (0.8 + 0.2 * Math.random());
  let limitMs = drawLimitMs();
  let isHeld = false;
  let restsUntil = 0;

  const read = async (options: GetOptions) => {
    const found = await secrets.getMany(checked, options);
    isHeld = true;
    return found as SecretsFor<R>;
  };

  const readNewer = async (deadlineMs: number) => {
    try {
      const found = await read({ deadlineMs, maxAgeMs: limitMs });
      limitMs = drawLimitMs();
      return found;
    } catch (error) {
      if (isSecretsError(error) && error.retryable) restsUntil = Date.now() + restMs;
      return undefined;
    }
  };

  // What comes of it, the first invocation hears: an error while the runtime initialises ends the process, again at each start.
  const early = new AbortController();
  read({ deadlineMs: readMs, signal: early.signal }).catch(() => {});

  return async (context) => {
    if (!(maxAgeMs >= 0)) throw new SecretsError("invalid-argument", "maxAgeMs must be a number of at least 0");
    const endsAt = performance.now() + budgetMs(context);
    const leftMs = () => Math.max(1, endsAt - performance.now());
    const newer = isHeld && Date.now() >= restsUntil ? await readNewer(Math.min(refreshMs, leftMs() / 2)) : undefined;
    if (newer !== undefined) return newer;
    for (let turn = 0; ; turn += 1) {
      try {
        // Either what is held serves on, or this says why it no longer may.
        return await read({ deadlineMs: Math.min(readMs, leftMs()) });
      } catch (error) {
        // A request that hangs since the init phase is not what the next invocation should wait for.
        early.abort();
        const pauseMs = retryPauseMs(error, turn);
        if (pauseMs === undefined || pauseMs >= leftMs()) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  };
}
