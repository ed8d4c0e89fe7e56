import { type Clock, systemClock } from "./clock.ts";

/** How many looks one reading serves when a loop never yields to the event loop. */
const longestServed = 1_000;
/** How often the two clocks are set side by side anew. */
const alignEveryMs = 1_000;

/**
 * One clock for the ages of what is held, which goes on by the wall clock or the monotonic clock, whichever went further: the one
 * stands still while a process is frozen, the other jumps.
 *
 * Reading both costs several times what a lookup costs, so one reading serves a turn of the event loop, or a thousand looks.
 * Between turns nothing is kept: a thawed process reads the clocks before it serves anything. An injected clock is read each time.
 */
export class HotTime {
  /** Milliseconds since this was made, as of the last look. */
  elapsed = 0;
  /** The wall clock, as of the last look. */
  wall: number;
  readonly #clock: Clock;
  readonly #isSystem: boolean;
  // Where both clocks stood when they were last set side by side. Steps are not summed up from look to look: the wall clock tells
  // whole milliseconds, so the larger step of each look would make the sum run up to twice as fast as time does.
  #aligned: { readonly elapsed: number; readonly wall: number; readonly monotonic: number };
  #left = 0;
  #ending = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#isSystem = clock === systemClock;
    this.wall = clock.now();
    this.#aligned = { elapsed: 0, wall: this.wall, monotonic: clock.monotonic() };
  }

  /** Makes `elapsed` current, and gives it. */
  look(): number {
    if (this.#left > 0) {
      this.#left -= 1;
      return this.elapsed;
    }
    const [wall, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    const byWall = wall - this.#aligned.wall;
    const further = Math.max(monotonic - this.#aligned.monotonic, byWall);
    this.elapsed = Math.max(this.elapsed, this.#aligned.elapsed + further);
    this.wall = wall;
    if (further >= alignEveryMs || byWall < 0) this.#aligned = { elapsed: this.elapsed, wall, monotonic };
    if (!this.#isSystem) return this.elapsed;
    this.#left = longestServed;
    if (!this.#ending) {
      this.#ending = true;
      // Not unref'd: the event loop would sleep before it, and serve whatever wakes it by the old reading.
      setImmediate(() => {
        this.#left = 0;
        this.#ending = false;
      });
    }
    return this.elapsed;
  }
}
