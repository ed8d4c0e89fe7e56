import type { CallContext, Locator } from "./provider.ts";
import type { Outcome, ReadMany } from "./read-many.ts";

interface Waiting {
  readonly locators: readonly Locator[];
  readonly context: CallContext;
  resolve(outcomes: readonly Outcome[]): void;
  reject(error: unknown): void;
}

/** One context for all: it lasts as long as the longest, and is aborted when each of them was. */
function joined(all: readonly Waiting[]): { readonly context: CallContext; end(): void } {
  const controller = new AbortController();
  let left = all.length;
  const leave = (event: Event) => {
    left -= 1;
    if (left === 0) controller.abort((event.target as AbortSignal).reason);
  };
  for (const { context } of all) context.signal.addEventListener("abort", leave, { once: true });
  const deadlineAt = Math.max(...all.map(({ context }) => context.deadlineAt));
  const { clock } = (all[0] as Waiting).context;
  return {
    context: { signal: controller.signal, deadlineAt, clock },
    end() {
      for (const { context } of all) context.signal.removeEventListener("abort", leave);
    },
  };
}

/** A layer that makes one call of all that is read in the same turn. Whoever ends earlier leaves the others theirs. */
export function joining(next: ReadMany): ReadMany {
  let waiting: Waiting[] = [];
  const start = async () => {
    const all = waiting.filter(({ context, reject }) => {
      if (context.signal.aborted) reject(context.signal.reason);
      return !context.signal.aborted;
    });
    waiting = [];
    const [first] = all;
    if (first === undefined) return;
    const { context, end } = all.length === 1 ? { context: first.context, end() {} } : joined(all);
    try {
      const outcomes = await next(
        all.flatMap(({ locators }) => locators),
        context,
      );
      let taken = 0;
      for (const { locators, resolve } of all) {
        resolve(outcomes.slice(taken, taken + locators.length));
        taken += locators.length;
      }
    } catch (error) {
      for (const { reject } of all) reject(error);
    } finally {
      end();
    }
  };
  return (locators, context) =>
    new Promise((resolve, reject) => {
      waiting.push({ locators, context, resolve, reject });
      // Those of this turn are in line already.
      if (waiting.length === 1) queueMicrotask(() => void start());
    });
}
