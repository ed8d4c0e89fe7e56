import { createSecrets } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { tracked } from "../tracked.ts";

export interface MassExpiry {
  readonly mostInFlight: number;
  readonly calls: number;
}

/** A thousand held keys whose freshness ends in the same millisecond, all asked for at once, each by ten callers. */
export async function massExpiry(concurrency: number, count = 1_000): Promise<MassExpiry> {
  const clock = manualClock();
  const paths = Array.from({ length: count }, (_, index) => `key-${index}`);
  // One by one: a backend that gives many in one call would have nothing to limit.
  const { readMany: _none, ...inner } = memory({ secrets: Object.fromEntries(paths.map((path) => [path, "value"])) });
  const provider = tracked({
    ...inner,
    async read(locator, context) {
      await new Promise<void>((resolve) => context.clock.setTimer(resolve, 20));
      return inner.read(locator, context);
    },
  });
  const secrets = createSecrets({ providers: { m: provider }, clock, random: () => 0.5, concurrency });
  const readAll = async () => {
    const reads = Promise.all(paths.flatMap((path) => Array.from({ length: 10 }, () => secrets.get(`m://${path}`))));
    await clock.advance((count / concurrency + 1) * 20);
    await reads;
  };
  await readAll();
  const callsBefore = provider.calls;
  provider.mostInFlight = 0;
  await clock.advance(300_000);
  await readAll();
  await secrets.close();
  return { mostInFlight: provider.mostInFlight, calls: provider.calls - callsBefore };
}
