import { type Clock, systemClock } from "./clock.ts";

/** How many glances one reading serves when a callback goes on and on without giving the event loop its turn. */
const mostGlances = 50;
/** How often the two clocks are set side by side anew. */
const alignEveryMs = 1_000;

/**
 * One clock for the ages of what is held, which goes on by the wall clock or the monotonic clock, whichever went further: the one
 * stands still while a process is frozen, the other jumps.
 *
 * Reading both costs several times what a lookup costs. So there is a `look`, which is exact, for whatever is held, dropped or
 * decided anew, and a `glance` for a value that is known to have a fifth of its freshness left: one reading serves all glances of
 * one callback of the event loop, up to fifty. What was late to be called, because the event loop was blocked or the process frozen,
 * reads the clocks before it is served. An injected clock is read each time.
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
  #glances = 0;
  #ending = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#isSystem = clock === systemClock;
    this.wall = clock.now();
    this.#aligned = { elapsed: 0, wall: this.wall, monotonic: clock.monotonic() };
  }

  /** Reads both clocks, makes `elapsed` and `wall` current, and gives `elapsed`. */
  look(): number {
    const [wall, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    const [byWall, byMonotonic] = [wall - this.#aligned.wall, monotonic - this.#aligned.monotonic];
    const further = Math.max(byMonotonic, byWall);
    this.elapsed = Math.max(this.elapsed, this.#aligned.elapsed + further);
    this.wall = wall;
    // A wall clock of whole milliseconds differs by less than one. More is a jump, and whichever clock goes further from here counts.
    if (further >= alignEveryMs || Math.abs(byWall - byMonotonic) >= 1)
      this.#aligned = { elapsed: this.elapsed, wall, monotonic };
    return this.elapsed;
  }

  /** Gives `elapsed` as it was at most fifty glances ago in this callback of the event loop. */
  glance(): number {
    if (this.#glances > 0) {
      this.#glances -= 1;
      return this.elapsed;
    }
    if (this.#isSystem) {
      this.#glances = mostGlances;
      if (!this.#ending) this.#endWithCallback();
    }
    return this.look();
  }

  #endWithCallback(): void {
    this.#ending = true;
    // Before the event loop calls anything else; of what goes on by promises alone, after the last of them.
    process.nextTick(() => {
      this.#glances = 0;
      this.#ending = false;
    });
  }
}
