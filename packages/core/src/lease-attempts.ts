import type { Clock } from "./clock.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import { isSecretsError, type SecretsError } from "./errors.ts";
import type { HotTime } from "./hot-time.ts";
import type { KeptLease } from "./kept-lease.ts";
import { attemptDeadlineMs } from "./lease-rules.ts";
import type { Lease, Provider } from "./provider.ts";
import { runCall } from "./run-call.ts";
import type { Secret } from "./secret.ts";
import type { Target } from "./target.ts";

export interface AttemptsEnvironment {
  readonly clock: Clock;
  readonly time: HotTime;
  readonly closing: AbortSignal;
  /** Renewals at the same time, for each provider. */
  readonly concurrency: number;
  readonly deadlineMs: number;
  provider(name: string): Provider;
  /** Reads a key anew, in one attempt; never rejects. */
  readAnew(target: Target, deadlineMs: number): Promise<Secret | SecretsError>;
}

/** What a renewal gave, and from when it counts. */
export interface Granted {
  readonly lease: Lease;
  readonly startedAt: number;
}

/** The calls that make a lease go on: each once and with its deadline. */
export class LeaseAttempts {
  readonly #environment: AttemptsEnvironment;
  readonly #limits = new Map<string, ConcurrencyLimit>();
  readonly #reading = new Set<Promise<unknown>>();

  constructor(environment: AttemptsEnvironment) {
    this.#environment = environment;
  }

  get isReading(): boolean {
    return this.#reading.size > 0;
  }

  /** Ends when nothing is being read anew, or after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#environment.clock.setTimer(resolve, limitMs, { keepAlive: true });
    });
    await Promise.race([Promise.allSettled(this.#reading), late]);
    cancel();
  }

  /** @throws SecretsError whatever the read failed with. */
  async readAnew(kept: KeptLease): Promise<void> {
    const { readAnew, deadlineMs, time } = this.#environment;
    const limitMs = kept.isOver ? deadlineMs : attemptDeadlineMs(kept.endsAt - time.look(), deadlineMs);
    const reading = readAnew(kept.target, limitMs);
    this.#reading.add(reading);
    try {
      const read = await reading;
      if (isSecretsError(read)) throw read;
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** Renews a lease. Undefined where it ended while it waited for its turn. @throws whatever the driver threw. */
  async renew(kept: KeptLease): Promise<Granted | undefined> {
    const { clock, closing, concurrency, deadlineMs, time } = this.#environment;
    const name = kept.target.provider;
    const provider = this.#environment.provider(name);
    const limit = this.#limits.get(name) ?? new ConcurrencyLimit(concurrency);
    this.#limits.set(name, limit);
    return limit.run(closing, async () => {
      const startedAt = time.look();
      if (kept.isOver || startedAt >= kept.endsAt) return undefined;
      kept.attemptedAt = startedAt;
      const limits = { clock, deadlineMs: attemptDeadlineMs(kept.endsAt - startedAt, deadlineMs), signals: [closing] };
      return { lease: await runCall(limits, async (context) => provider.renew!(kept.lease, context)), startedAt };
    });
  }
}
