import type { Clock } from "./clock.ts";

const quietMs = 5_000;

/**
 * Keeps `use` from reading the same secret by force again and again: when a forced read gave nothing new, that key is not read
 * by force for 5 s.
 */
export class ForcedReads {
  readonly #clock: Clock;
  readonly #quietUntil = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isAllowed(key: string): boolean {
    const until = this.#quietUntil.get(key);
    if (until === undefined) return true;
    if (this.#clock.monotonic() < until) return false;
    this.#quietUntil.delete(key);
    return true;
  }

  /** Remembers that a forced read of `key` gave nothing new. */
  gaveNothing(key: string): void {
    const now = this.#clock.monotonic();
    for (const [other, until] of this.#quietUntil) if (until <= now) this.#quietUntil.delete(other);
    this.#quietUntil.set(key, now + quietMs);
  }
}
