import { manualClock } from "@keyhold/testing";
import { LRUCache } from "lru-cache";
import type { Subject, Weather } from "../figures/subject.ts";

/** What a program without Keyhold would take. `fetch()` has no default for how long a value is fresh: Keyhold's is taken. */
export const lruCacheSettings = { max: 1_000, ttl: 300_000 } as const;

/** Plain `lru-cache` with `fetch()`, over a backend in memory. */
export function lruCacheSubject(): Subject {
  const clock = manualClock();
  const refused = new Map<string, number>();
  let weather: Weather = "healthy";
  let calls = 0;
  const cache = new LRUCache<string, string>({
    ...lruCacheSettings,
    // Time is simulated: nothing of it may be remembered for a real millisecond.
    perf: { now: () => clock.monotonic() + 1 },
    ttlResolution: 0,
    async fetchMethod(key) {
      calls += 1;
      if (weather === "healthy") return "value";
      if (weather === "403" && !refused.has(key)) refused.set(key, clock.monotonic());
      throw new Error(`status ${weather}`);
    },
  });
  return {
    name: "lru-cache fetch()",
    settings: JSON.stringify(lruCacheSettings),
    read: (key) => cache.fetch(key),
    setWeather(next) {
      weather = next;
    },
    get calls() {
      return calls;
    },
    advance: (ms) => clock.advance(ms),
    refusedAt: (key) => refused.get(key),
    now: () => clock.monotonic(),
    close: async () => cache.clear(),
  };
}
