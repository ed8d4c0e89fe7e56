import type { CallContext, Locator, Provider } from "@keyhold/core";
import { type MemoryOptions, memory } from "@keyhold/testing";

export interface Counting extends Provider {
  /** The paths that were read, in order. */
  readonly reads: string[];
  /** Replaces the next reads' behaviour; `undefined` restores it. */
  answer: ((locator: Locator, context: CallContext) => Promise<never>) | undefined;
}

/** The provider in memory, which also tells what was read from it. */
export function counting(options: MemoryOptions = {}): Counting {
  const { readMany: _oneByOne, ...inner } = memory(options);
  const provider: Counting = {
    ...inner,
    reads: [],
    answer: undefined,
    read(locator, context) {
      provider.reads.push(locator.path);
      return provider.answer ? provider.answer(locator, context) : inner.read(locator, context);
    },
  };
  return provider;
}
