import { setTimeout as sleep } from "node:timers/promises";
import { createSecrets, type ReadStatus } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "../src/clock.ts";
import { HotTime } from "../src/hot-time.ts";

/** Keeps the event loop from going on, as a long computation does. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

it("goes no faster than the clocks, however often it is looked at", async () => {
  const clock = manualClock();
  // The wall clock tells whole milliseconds, so it seems to stand still between most looks.
  const whole = { ...clock, now: () => Math.floor(clock.now()) };
  const time = new HotTime(whole);
  for (let look = 0; look < 3_000; look += 1) {
    await clock.advance(0.3);
    time.look();
  }
  expect(time.elapsed).toBeGreaterThanOrEqual(899);
  expect(time.elapsed).toBeLessThan(905);
});

it("goes on by whichever clock went further, and never back", async () => {
  const clock = manualClock();
  const time = new HotTime(clock);
  await clock.advance(400);
  expect(time.look()).toBe(400);
  clock.setWall(clock.now() + 60_000);
  expect(time.look()).toBe(60_400);
  clock.setWall(clock.now() - 3_600_000);
  expect(time.look()).toBe(60_400);
  await clock.advance(10);
  expect(time.look()).toBe(60_410);
  clock.setWall(clock.now() + 5_000);
  expect(time.look()).toBe(65_410);
});

it("counts from a jump of the wall clock by whichever clock goes further from there", async () => {
  const clock = manualClock();
  const time = new HotTime(clock);
  clock.setWall(clock.now() + 499);
  expect(time.look()).toBe(499);
  clock.setWall(clock.now() - 499);
  await clock.advance(5_000);
  expect(time.look()).toBe(5_499);
});

it("takes what a look tells from the clocks, however long a callback has gone on", () => {
  const time = new HotTime(systemClock);
  const before = time.glance();
  block(30);
  expect(time.glance()).toBe(before);
  expect(time.look()).toBeGreaterThanOrEqual(before + 29);
  expect(time.glance()).toBeGreaterThanOrEqual(before + 29);
});

it("serves the glances of the promises of one callback by one reading, and reads anew for the next callback", async () => {
  const time = new HotTime(systemClock);
  const seen: number[] = [];
  // Both are due when the event loop gets to them, so it calls one right after the other.
  const callback = async () => {
    await null;
    seen.push(time.glance());
    block(20);
    await null;
    seen.push(time.glance());
  };
  setTimeout(callback, 1);
  setTimeout(callback, 1);
  block(5);
  await sleep(60);
  const [first, late, second] = seen as [number, number, number, number];
  expect(late).toBe(first);
  expect(second).toBeGreaterThanOrEqual(first + 19);
});

it("reads the clocks anew after fifty glances, though the event loop never gets its turn", async () => {
  const time = new HotTime(systemClock);
  const first = time.glance();
  block(20);
  for (let glance = 0; glance < 50; glance += 1) {
    await null;
    expect(time.glance()).toBe(first);
  }
  expect(time.glance()).toBeGreaterThanOrEqual(first + 19);
});

it("gives what is read after a block its whole freshness, and asks once for what expired meanwhile", async () => {
  let reads = 0;
  const inner = memory({ secrets: { a: "1", b: "2" } });
  const m = {
    ...inner,
    read: (...call: Parameters<typeof inner.read>) => {
      reads += 1;
      return inner.read(...call);
    },
  };
  const hourMs = 3_600_000;
  const secrets = createSecrets({ providers: { m }, random: () => 0.5, cache: { ttlMs: hourMs } });
  await secrets.get("m://a");
  await secrets.get("m://a");
  // As after a callback that took an hour: nothing else has had its turn.
  const now = Date.now.bind(Date);
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(Date, "now").mockImplementation(() => now() + 1.05 * hourMs);
  // Both in the callback that was blocked: what expired meanwhile is asked for once, and what is read now is as old as now.
  await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://b")));
  const status: Partial<ReadStatus> = {};
  await secrets.get("m://b", { status: status as ReadStatus });
  expect(status.outcome).toBe("hit");
  expect(status.ageMs).toBeLessThan(hourMs / 2);
  expect(reads).toBe(2);
  await sleep(1);
  await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://a")));
  await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://b")));
  expect(reads).toBe(3);
  await secrets.close();
});
