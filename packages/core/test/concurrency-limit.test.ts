import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConcurrencyLimit } from "../src/concurrency-limit.ts";

const never = new AbortController().signal;
const numRuns = Number(process.env.KEYHOLD_RUNS ?? 100);

describe("the limit on calls at the same time", () => {
  it("is reached and never passed, in any order of endings, failures and aborts, and loses no place", async () => {
    const works = fc.array(fc.record({ fails: fc.boolean(), leaves: fc.boolean() }), { minLength: 1, maxLength: 12 });
    const property = fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), works, async (scheduler, most, all) => {
      const limit = new ConcurrencyLimit(most);
      let [running, seen] = [0, 0];
      const ends = all.map(async ({ fails, leaves }) => {
        const ending = new AbortController();
        if (leaves) void scheduler.schedule(Promise.resolve(), "leaves").then(() => ending.abort(new Error("left")));
        return limit.run(ending.signal, async () => {
          running += 1;
          seen = Math.max(seen, running);
          await scheduler.schedule(Promise.resolve(), "ends");
          running -= 1;
          if (fails) throw new Error("failed");
        });
      });
      const settled = Promise.allSettled(ends);
      await scheduler.waitIdle();
      await settled;
      expect(seen).toBe(Math.min(most, all.length));
      // Every place is free again: so many at once, and no more.
      const again = Array.from({ length: most + 1 }, () =>
        limit.run(never, async () => {
          running += 1;
          await scheduler.schedule(Promise.resolve(), "ends");
        }),
      );
      await new Promise((resolve) => setImmediate(resolve));
      expect(running).toBe(most);
      await scheduler.waitIdle();
      await Promise.all(again);
    });
    await fc.assert(property, { numRuns });
  });

  it("lets those who wait in, in their order, and asks nothing for one who left before", async () => {
    const limit = new ConcurrencyLimit(1);
    const order: number[] = [];
    let release: () => void = () => {};
    const first = limit.run(never, () => new Promise<void>((resolve) => (release = resolve)));
    const rest = [1, 2, 3].map((number) => limit.run(never, async () => void order.push(number)));
    const gone = AbortSignal.abort(new Error("left"));
    await expect(limit.run(gone, async () => void order.push(4))).rejects.toThrow("left");
    release();
    await Promise.all([first, ...rest]);
    expect(order).toEqual([1, 2, 3]);
  });
});
