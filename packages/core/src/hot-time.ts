import { type Clock, systemClock } from "./clock.ts";

/** How many looks one reading serves when a loop never yields to the event loop. */
const longestServed = 1_000;

/**
 * Both clocks for the path of a held value. `Date.now()` and `performance.now()` cost several times what a lookup costs, so one
 * reading serves a turn of the event loop, or a thousand looks. Between turns nothing is kept: a process that was frozen reads
 * the clocks anew before it serves anything. An injected clock is read each time.
 */
export class HotTime {
  wall = 0;
  monotonic = 0;
  readonly #clock: Clock;
  readonly #isSystem: boolean;
  #left = 0;
  #ending = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#isSystem = clock === systemClock;
  }

  /** Makes `wall` and `monotonic` current. */
  look(): void {
    if (this.#left > 0) {
      this.#left -= 1;
      return;
    }
    this.wall = this.#clock.now();
    this.monotonic = this.#clock.monotonic();
    if (!this.#isSystem) return;
    this.#left = longestServed;
    if (this.#ending) return;
    this.#ending = true;
    setImmediate(() => {
      this.#left = 0;
      this.#ending = false;
    }).unref();
  }
}
