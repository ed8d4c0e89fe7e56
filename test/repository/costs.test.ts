import { createSecrets } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { assumed, readsPerHour, writeCosts } from "../../scripts/provider-costs.ts";

const hours = 6;
const stepMs = 5_000;

/** The same in each run, and spread over [0, 1). */
function spread(): () => number {
  let value = 0;
  return () => {
    value = (value + 0.618_033_988_75) % 1;
    return value;
  };
}

/** How often a secret is read in an hour by a program that asks for ten of them every five seconds, all of it on a clock of its own. */
async function readsOfOneHour(cache: { readonly ttlMs?: number; readonly maxStaleMs?: number }): Promise<number> {
  const paths = Array.from({ length: assumed.secrets }, (_path, index) => `s${index}`);
  const clock = manualClock();
  const provider = memory({ secrets: Object.fromEntries(paths.map((name) => [name, name])) });
  const secrets = createSecrets({ providers: { app: provider }, clock, random: spread(), cache });
  for (let at = 0; at < hours * 3_600_000; at += stepMs) {
    for (const name of paths) await secrets.get(`app://${name}`);
    await clock.advance(stepMs);
  }
  const { upstreamCalls } = secrets.stats();
  await secrets.close();
  return upstreamCalls / (hours * paths.length);
}

describe("the tables of costs", () => {
  it("stand in docs/providers as the prices and the cache's defaults give them", () => {
    expect(writeCosts(false)).toEqual([]);
  });

  it("count as many reads as a client makes in simulated hours", async () => {
    const [held, bare] = await Promise.all([readsOfOneHour({}), readsOfOneHour({ ttlMs: 0, maxStaleMs: 0 })]);
    console.log(`reads of a secret in an hour: ${held.toFixed(1)} with the cache's defaults, ${bare.toFixed(0)} without a cache`);
    expect(held / readsPerHour).toBeGreaterThan(0.95);
    expect(held / readsPerHour).toBeLessThan(1.05);
    expect(bare).toBe(3_600_000 / stepMs);
  });
});
