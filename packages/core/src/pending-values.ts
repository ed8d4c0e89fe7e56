import type { Clock } from "./clock.ts";
import type { Secret } from "./secret.ts";
import type { Target } from "./target.ts";

const heldMs = 5_000;

/**
 * Pending values that `use` was saved by. Between the moment when a database takes the new password and the one when it becomes
 * current, everybody needs it: it is read once for all who wait, and held for 5 s.
 */
export class PendingValues {
  readonly #clock: Clock;
  readonly #find: (target: Target) => Promise<Secret | undefined>;
  readonly #reading = new Map<string, Promise<Secret | undefined>>();
  readonly #held = new Map<string, { readonly secret: Secret; readonly until: number }>();

  constructor(clock: Clock, find: (target: Target) => Promise<Secret | undefined>) {
    this.#clock = clock;
    this.#find = find;
  }

  held({ reference }: Target): Secret | undefined {
    const held = this.#held.get(reference);
    if (held === undefined || held.until > this.#clock.monotonic()) return held?.secret;
    this.#held.delete(reference);
    return undefined;
  }

  drop({ reference }: Target): void {
    this.#held.delete(reference);
  }

  read(target: Target): Promise<Secret | undefined> {
    const { reference } = target;
    const reading = this.#reading.get(reference) ?? this.#find(target).catch(() => undefined);
    this.#reading.set(reference, reading);
    void reading.then((secret) => {
      this.#reading.delete(reference);
      if (secret === undefined) return;
      const now = this.#clock.monotonic();
      for (const [other, { until }] of this.#held) if (until <= now) this.#held.delete(other);
      this.#held.set(reference, { secret, until: now + heldMs });
    });
    return reading;
  }
}
