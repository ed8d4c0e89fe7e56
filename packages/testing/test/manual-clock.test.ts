import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";

describe("manualClock", () => {
  it("stands still until it is advanced, then both clocks move", async () => {
    const clock = manualClock();
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([clock.now(), clock.monotonic()]).toEqual([now, monotonic]);
    await clock.advance(250);
    expect([clock.now() - now, clock.monotonic() - monotonic]).toEqual([250, 250]);
  });

  it("fires timers in order of their time, each at its own time, equal ones as they were set", async () => {
    const clock = manualClock();
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name} at ${clock.monotonic()}`);
    clock.setTimer(note("late"), 300);
    clock.setTimer(note("first"), 100);
    clock.setTimer(note("second"), 100);
    clock.setTimer(note("never"), 301);
    await clock.advance(300);
    expect(fired).toEqual(["first at 100", "second at 100", "late at 300"]);
    expect(clock.timers).toBe(1);
  });

  it("fires what a timer or a promise behind it sets within the same advance", async () => {
    const clock = manualClock();
    const fired: number[] = [];
    clock.setTimer(async () => {
      await Promise.resolve();
      clock.setTimer(() => fired.push(clock.monotonic()), 40);
    }, 10);
    await clock.advance(100);
    expect(fired).toEqual([50]);
    expect(clock.monotonic()).toBe(100);
  });

  it("fires no timer that was cancelled", async () => {
    const clock = manualClock();
    let fired = false;
    const cancel = clock.setTimer(() => {
      fired = true;
    }, 10);
    cancel();
    cancel();
    await clock.advance(100);
    expect(fired).toBe(false);
    expect(clock.timers).toBe(0);
  });

  it("jumps the wall clock without moving the monotonic one or any timer", async () => {
    const clock = manualClock();
    let fired = false;
    clock.setTimer(() => {
      fired = true;
    }, 1_000);
    clock.setWall(clock.now() - 900_000);
    const wall = clock.now();
    await clock.advance(999);
    expect([clock.now() - wall, clock.monotonic(), fired]).toEqual([999, 999, false]);
    await clock.advance(1);
    expect(fired).toBe(true);
  });
});
