import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { coldKey, coldReaders } from "./figures/cold-key.ts";
import { keyholdSocketSubject, keyholdSubject } from "./figures/keyhold-subject.ts";
import { massExpiry } from "./figures/mass-expiry.ts";
import { type Figure, figuresTable } from "./figures/print-figures.ts";
import { type Hour, simulateHour } from "./figures/simulate-hour.ts";
import type { Subject, Weather } from "./figures/subject.ts";
import { lruCacheSubject } from "./peers/lru-cache-subject.ts";
import { powertoolsSubject } from "./peers/powertools-subject.ts";

const slow = process.env.KEYHOLD_SLOW === "1";
const seeds = slow ? [1, 2] : [1];
const figures: Figure[] = [];
interface Peer {
  readonly open: () => Subject;
  /** How much of an hour is simulated; the counts are multiplied. Each read of Powertools that fails runs through all of the SDK. */
  readonly minutes: number;
}
const peers: Readonly<Record<string, Peer>> = slow
  ? { "lru-cache fetch()": { open: lruCacheSubject, minutes: 20 }, Powertools: { open: powertoolsSubject, minutes: 3 } }
  : { "lru-cache fetch()": { open: lruCacheSubject, minutes: 10 } };

afterAll(() => console.log(`\n${figuresTable(figures)}\n`));

function note(figure: Figure): void {
  figures.push(figure);
  expect(figure.reached, `${figure.what}: ${figure.keyhold}, to reach: ${figure.toReach}`).toBe(true);
}

async function hourOf(subject: Subject, weather: Weather, seed: number, minutes?: number): Promise<Hour> {
  try {
    return await simulateHour(subject, weather, { seed, ...(minutes === undefined ? {} : { minutes }) });
  } finally {
    await subject.close();
  }
}

const count = (number: number) => number.toLocaleString("en");

describe("ten thousand callers of one cold key", () => {
  const callers = 10_000;
  it.each([
    ["healthy", "a value", 1],
    ["403", "a refusal", 1],
    ["503", "an outage", 3],
  ] as const)("ask a backend that is %s at most as often as one caller would", async (weather, what, most) => {
    const own = await coldKey("Keyhold", weather, callers);
    const others = coldReaders.filter((name) => name !== "Keyhold" && (slow || name !== "Powertools"));
    const beside: Record<string, string> = {};
    for (const name of others) {
      const { calls, errors } = await coldKey(name, weather, callers);
      beside[name] = `upstream ${count(calls)}, errors ${count(errors)}`;
    }
    note({
      what: `10,000 callers, one cold key, ${what}`,
      toReach: most === 1 ? "1 call" : `at most ${most} calls`,
      keyhold: `upstream ${own.calls}, errors ${count(own.errors)}`,
      reached: own.calls >= 1 && own.calls <= most && own.errors === (weather === "healthy" ? 0 : callers),
      peers: beside,
    });
  });
});

describe("an hour at a hundred reads a second over fifty held keys", () => {
  it("of 503 costs no more upstream calls than a healthy one, and no caller an error", async () => {
    const ratios: number[] = [];
    let [errors, calls, healthy] = [0, 0, 0];
    for (const seed of seeds) {
      const [good, bad] = [await hourOf(keyholdSubject(seed), "healthy", seed), await hourOf(keyholdSubject(seed), "503", seed)];
      expect(good.errors).toBe(0);
      ratios.push(bad.calls / good.calls);
      errors = Math.max(errors, bad.errors);
      [calls, healthy] = [bad.calls, good.calls];
    }
    const ratio = Math.max(...ratios);
    const beside: Record<string, string> = {};
    for (const [name, { open, minutes }] of Object.entries(peers)) {
      const good = await hourOf(open(), "healthy", 1, minutes);
      const bad = await hourOf(open(), "503", 1, minutes);
      beside[name] = `${(bad.calls / good.calls).toFixed(0)} times, ${count(bad.errors)} errors`;
      expect(bad.errors).toBeGreaterThan(0);
    }
    note({
      what: "an hour of 503, 50 held keys",
      toReach: "at most 1.1 times the healthy hour's calls, 0 errors",
      keyhold: `${ratio.toFixed(2)} times (${calls} : ${healthy}), ${errors} errors`,
      reached: ratio <= 1.1 && errors === 0,
      peers: beside,
    });
  });

  it("of 503 does so with a real driver and real sockets too", async () => {
    const good = await hourOf(await keyholdSocketSubject(1), "healthy", 1, slow ? 60 : 10);
    const bad = await hourOf(await keyholdSocketSubject(1), "503", 1, slow ? 60 : 10);
    const ratio = bad.calls / good.calls;
    note({
      what: "the same, AWS provider over real sockets",
      toReach: "at most 1.1 times the healthy hour's calls, 0 errors",
      keyhold: `${ratio.toFixed(2)} times (${bad.calls} : ${good.calls}), ${bad.errors} errors`,
      reached: ratio <= 1.1 && bad.errors === 0 && good.errors === 0,
    });
  });

  it("of 403 gives errors within one refresh, and no stale value after that", async () => {
    // Freshness of 330 s at the most, of which four fifths pass before the key is read ahead; then its next reader learns of it.
    const refreshMs = 330_000 * 0.8 + 6_000;
    const hours: Hour[] = [];
    for (const seed of seeds) hours.push(await hourOf(keyholdSubject(seed), "403", seed, slow ? 20 : 6));
    const slowest = Math.max(...hours.map(({ lastErrorBeganMs }) => lastErrorBeganMs ?? Number.POSITIVE_INFINITY));
    const stale = hours.reduce((sum, hour) => sum + hour.staleAfterRefusal, 0);
    const beside: Record<string, string> = {};
    for (const [name, { open, minutes }] of Object.entries(peers)) {
      const hour = await hourOf(open(), "403", 1, minutes);
      beside[name] = `errors after ${((hour.lastErrorBeganMs ?? Number.NaN) / 1_000).toFixed(0)} s, ${count(hour.calls)} calls`;
    }
    note({
      what: "the same with 403",
      toReach: "errors within one refresh (270 s), 0 stale values after it",
      keyhold: `errors after ${(slowest / 1_000).toFixed(0)} s, ${stale} stale, ${count(Math.max(...hours.map(({ calls }) => calls)))} calls`,
      reached: slowest <= refreshMs && stale === 0,
      peers: beside,
    });
  });
});

it("a thousand keys that expire together are read once each, and never more at a time than configured", async () => {
  for (const concurrency of [32, 4]) {
    const { mostInFlight, calls } = await massExpiry(concurrency);
    note({
      what: `1,000 keys expiring together, 10 callers each, concurrency ${concurrency}`,
      toReach: `never more than ${concurrency} in flight`,
      keyhold: `${mostInFlight} in flight, ${count(calls)} calls`,
      reached: mostInFlight <= concurrency && calls === 1_000,
    });
  }
});

const heapStaysFlat = () => {
  const child = fileURLToPath(new URL("children/heap-child.ts", import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--conditions=@keyhold/source", "--expose-gc", child], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  const { tenths, entries } = JSON.parse(stdout) as { tenths: number[]; entries: number };
  const [before, last] = tenths.slice(-2) as [number, number];
  const growth = last / before - 1;
  note({
    what: "heap after 1,000,000 reads over 100,000 keys",
    toReach: "within 5 % between the last two tenths",
    keyhold: `${(growth * 100).toFixed(1)} % at ${(last / 1e6).toFixed(1)} MB, ${count(entries)} held`,
    reached: Math.abs(growth) <= 0.05,
  });
};

// Half a minute.
if (slow) it("the heap stays flat over a million reads of a hundred thousand keys", heapStaysFlat);
