import { execFile } from "node:child_process";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { manualClock } from "@keyhold/testing";
import { expect, it } from "vitest";
import { systemClock } from "../src/clock.ts";
import { HotTime } from "../src/hot-time.ts";

const run = promisify(execFile);

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

it("reads the clocks again after the event loop has slept, whatever wakes it", async () => {
  // In a process of its own: the test runner's own messages keep an event loop from sleeping.
  const source = (name: string) => JSON.stringify(new URL(`../src/${name}`, import.meta.url).href);
  const program = `
    import { spawn } from "node:child_process";
    import { HotTime } from ${source("hot-time.ts")};
    import { systemClock } from ${source("clock.ts")};
    const time = new HotTime(systemClock);
    const child = spawn(process.execPath, ["-e", "setTimeout(() => console.log(1), 500)"]);
    let before;
    setTimeout(() => { before = time.look(); }, 20);
    child.stdout.once("data", () => console.log(time.look() - before));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program]);
  expect(Number(stdout)).toBeGreaterThan(200);
});

it("reads the clocks once for a turn of the event loop", async () => {
  const time = new HotTime(systemClock);
  const first = time.look();
  const until = performance.now() + 5;
  while (performance.now() < until);
  expect(time.look()).toBe(first);
  await turn();
  await turn();
  expect(time.look()).toBeGreaterThan(first);
});
