import type { Clock } from "@keyhold/core";

/** A clock that stands still until it is told. */
export interface ManualClock extends Clock {
  /**
   * Lets `ms` milliseconds pass on both clocks. Timers that fall due fire in order, each at its own time, also those that are set
   * meanwhile; before each one, pending promises settle.
   */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock to a time in milliseconds since 1970, as a correction or a thaw does. Timers do not notice. */
  setWall(now: number): void;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** Lets promises that can settle do so. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * A `Clock` for tests. It starts at 2030-01-01 on the wall clock and at 0 on the monotonic one.
 *
 * @example
 * const clock = manualClock();
 * clock.setTimer(() => console.log("an hour later"), 3_600_000);
 * await clock.advance(3_600_000);
 */
export function manualClock(): ManualClock {
  let elapsed = 0;
  let wallOffset = Date.UTC(2030, 0, 1);
  const timers = new Set<Timer>();

  /** The timer that is due first, at `until` at the latest; of equal ones the one that was set first. */
  const nextDue = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (timer.dueAt <= until && (first === undefined || timer.dueAt < first.dueAt)) first = timer;
    return first;
  };

  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    setTimer(callback, delayMs) {
      const timer = { dueAt: elapsed + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    async advance(ms) {
      const until = elapsed + ms;
      await turn();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        elapsed = Math.max(elapsed, timer.dueAt);
        timer.callback();
        await turn();
      }
      elapsed = Math.max(elapsed, until);
    },
    setWall(now) {
      wallOffset = now - elapsed;
    },
    get timers() {
      return timers.size;
    },
  };
}
