import { namedError } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import { isSecretsError } from "./errors.ts";
import type { HotTime } from "./hot-time.ts";
import { pauseMs } from "./lease-rules.ts";
import type { Lease, Provider } from "./provider.ts";
import { runCall } from "./run-call.ts";
import type { Schedule } from "./schedule.ts";
import type { Target } from "./target.ts";

export interface RevokerEnvironment {
  readonly clock: Clock;
  readonly time: HotTime;
  readonly random: () => number;
  readonly closing: AbortSignal;
  readonly schedule: Schedule;
  /** Revocations at the same time, for each provider. */
  readonly concurrency: number;
  readonly deadlineMs: number;
  provider(name: string): Provider;
  emit(event: SecretsEvent): void;
}

/** A lease that is to be revoked, unless it ends before. `endsAt` is `HotTime.elapsed`. */
export interface Revocable {
  readonly target: Target;
  readonly lease: Lease;
  readonly endsAt: number;
}

/** Gives back the leases that are of no more use: each after a while, and all that are left on close. */
export class LeaseRevoker {
  readonly #environment: RevokerEnvironment;
  readonly #waiting = new Map<string, Revocable>();
  #count = 0;

  constructor(environment: RevokerEnvironment) {
    this.#environment = environment;
  }

  /** Revokes a lease after `delayMs`; where that fails, again until it ends. The first failure is told. */
  later(revocable: Revocable, delayMs: number): void {
    if (this.#environment.provider(revocable.target.provider).revoke === undefined) return;
    this.#count += 1;
    const id = `revoke ${this.#count}`;
    this.#waiting.set(id, revocable);
    this.#plan(id, revocable, delayMs, 0);
  }

  /** Revokes these and all that wait. Never rejects, and ends within `limitMs`. */
  async close(held: readonly Revocable[], limitMs: number): Promise<void> {
    const { time } = this.#environment;
    const all = [...held, ...this.#waiting.values()].filter(({ endsAt }) => endsAt > time.look());
    this.#waiting.clear();
    const limits = new Map<string, ConcurrencyLimit>();
    const ending = new AbortController();
    const limitOf = (name: string) => {
      const limit = limits.get(name) ?? new ConcurrencyLimit(this.#environment.concurrency);
      limits.set(name, limit);
      return limit;
    };
    const stop = this.#environment.clock.setTimer(() => ending.abort(), limitMs, { keepAlive: true });
    const revoke = async (revocable: Revocable) => {
      try {
        const { provider } = revocable.target;
        await limitOf(provider).run(ending.signal, () => this.#revoke(revocable, limitMs, ending.signal));
      } catch (error) {
        this.#failed(revocable, error);
      }
    };
    await Promise.all(all.map(revoke));
    stop();
  }

  #plan(id: string, revocable: Revocable, delayMs: number, failures: number): void {
    const { schedule, time, closing, deadlineMs, random } = this.#environment;
    schedule.set(id, time.look() + delayMs, async () => {
      if (time.look() >= revocable.endsAt) {
        this.#waiting.delete(id);
        return;
      }
      try {
        await this.#revoke(revocable, deadlineMs, closing);
        this.#waiting.delete(id);
      } catch (error) {
        // Then it is revoked with all others.
        if (closing.aborted) return;
        if (failures === 0) this.#failed(revocable, error);
        this.#plan(id, revocable, pauseMs(failures + 1, 0, undefined, random), failures + 1);
      }
    });
  }

  async #revoke({ target, lease }: Revocable, deadlineMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#environment;
    const provider = this.#environment.provider(target.provider);
    try {
      await runCall({ clock, deadlineMs, signals: [signal] }, async (context) => provider.revoke?.(lease, context));
    } catch (error) {
      // It is gone already.
      if (!isSecretsError(error, "not-found")) throw error;
    }
  }

  #failed({ target }: Revocable, error: unknown): void {
    const { emit, provider } = this.#environment;
    const named = namedError(error, target, provider(target.provider).kind);
    emit({ type: "revocation-failed", reference: target.key, error: named });
  }
}
