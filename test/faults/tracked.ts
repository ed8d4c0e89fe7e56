import { isSecretsError, type Locator, type Provider, type SecretsError } from "@keyhold/core";

/** A provider, and what was asked of it. */
export interface Tracked extends Provider {
  /** Every call to `read` and every item of a `readMany`, by path, in order. */
  readonly reads: string[];
  /** Calls that went out: a batch is one. */
  calls: number;
  inFlight: number;
  mostInFlight: number;
  /** What the next reads fail with instead of asking; `undefined`: they pass. */
  failure: SecretsError | undefined;
  /** When each path was refused for the first time, by the call's own clock. */
  readonly refusedAt: Map<string, number>;
  /** Resolves when nothing is under way, also what real sockets have still to bring. */
  idle(): Promise<void>;
}

/** Counts what reaches `inner`, which may be a real provider with real sockets. */
export function tracked(inner: Provider): Tracked {
  const underWay = new Set<Promise<unknown>>();
  const follow = async <T>(locators: readonly Locator[], work: () => Promise<T>): Promise<T> => {
    provider.calls += 1;
    provider.inFlight += 1;
    provider.mostInFlight = Math.max(provider.mostInFlight, provider.inFlight);
    provider.reads.push(...locators.map(({ path }) => path));
    const answer = (async () => {
      if (provider.failure) throw provider.failure;
      return work();
    })();
    underWay.add(answer);
    try {
      return await answer;
    } finally {
      underWay.delete(answer);
      provider.inFlight -= 1;
    }
  };
  const refused = (path: string, error: unknown, at: number) => {
    if (isSecretsError(error, "permission-denied") && !provider.refusedAt.has(path)) provider.refusedAt.set(path, at);
  };
  const { readMany, ...rest } = inner;
  const provider: Tracked = {
    ...rest,
    reads: [],
    calls: 0,
    inFlight: 0,
    mostInFlight: 0,
    failure: undefined,
    refusedAt: new Map(),
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
    async read(locator, context) {
      try {
        return await follow([locator], () => inner.read(locator, context));
      } catch (error) {
        refused(locator.path, error, context.clock.monotonic());
        throw error;
      }
    },
  };
  if (readMany) {
    provider.readMany = async (locators, context) => {
      const outcomes = await follow(locators, () => readMany.call(inner, locators, context));
      for (const [index, outcome] of outcomes.entries())
        refused((locators[index] as Locator).path, outcome, context.clock.monotonic());
      return outcomes;
    };
  }
  return provider;
}
