import { namedError } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import type { HotTime } from "./hot-time.ts";
import { renewalPauseMs } from "./lease-rules.ts";
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

const idOf = ({ target, lease }: Pick<Revocable, "target" | "lease">) => `revoke ${target.provider} ${lease.id}`;

/** Gives back the leases that are of no more use: each after a while, and all that are left on close. */
export class LeaseRevoker {
  readonly #environment: RevokerEnvironment;
  readonly #waiting = new Map<string, Revocable>();

  constructor(environment: RevokerEnvironment) {
    this.#environment = environment;
  }

  /** Revokes a lease after `delayMs`; where that fails, again until it ends. The first failure is told. */
  later(revocable: Revocable, delayMs: number): void {
    if (this.#environment.provider(revocable.target.provider).revoke === undefined) return;
    const id = idOf(revocable);
    this.#waiting.set(id, revocable);
    this.#plan(id, revocable, delayMs, 0);
  }

  /** A lease is of use again, as what lies before a backend may give the same one twice. */
  keep(revocable: Pick<Revocable, "target" | "lease">): void {
    const id = idOf(revocable);
    if (this.#waiting.delete(id)) this.#environment.schedule.delete(id);
  }

  /** Revokes these and all that wait. Never rejects, and ends within `limitMs`. */
  async close(held: readonly Revocable[], limitMs: number): Promise<void> {
    const { clock, concurrency, provider, time } = this.#environment;
    const endsAt = clock.monotonic() + limitMs;
    const queues = new Map<string, Revocable[]>();
    const now = time.look();
    for (const revocable of [...held, ...this.#waiting.values()]) {
      const name = revocable.target.provider;
      if (revocable.endsAt <= now || provider(name).revoke === undefined) continue;
      const queue = queues.get(name);
      if (queue) queue.push(revocable);
      else queues.set(name, [revocable]);
    }
    this.#waiting.clear();
    const work = async (queue: Revocable[]) => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        const revocable = next;
        const leftMs = endsAt - clock.monotonic();
        if (leftMs > 0) await this.#revoke(revocable, leftMs).catch((error) => this.#failed(revocable, error));
        else this.#failed(revocable, new SecretsError("timeout", "no time was left to revoke this lease"));
      }
    };
    const workers = [...queues.values()].flatMap((queue) => Array.from({ length: concurrency }, () => work(queue)));
    await Promise.all(workers);
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
        // Then it is revoked with all others, or it is of use again.
        if (closing.aborted || this.#waiting.get(id) !== revocable) return;
        if (failures === 0) this.#failed(revocable, error);
        this.#plan(id, revocable, renewalPauseMs(failures + 1, 0, 0, random), failures + 1);
      }
    });
  }

  async #revoke({ target, lease }: Revocable, deadlineMs: number, signal?: AbortSignal): Promise<void> {
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
