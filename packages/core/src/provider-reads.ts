import { breaking, CircuitBreaker } from "./circuit-breaker.ts";
import { namedError } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import { contentSize } from "./content.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import { isSecretsError, type SecretsError } from "./errors.ts";
import { Flights } from "./flights.ts";
import type { HotTime } from "./hot-time.ts";
import { joining } from "./join-reads.ts";
import type { LastKnownGood } from "./last-known-good.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { Provider } from "./provider.ts";
import { driverError, type Outcome, type ReadMany, readFrom } from "./read-many.ts";
import { retrying } from "./retry.ts";
import { runCall } from "./run-call.ts";
import { type Secret, secretFromContent } from "./secret.ts";
import { isOutage, isRefusal, type SecretCache } from "./secret-cache.ts";
import type { Counters } from "./stats.ts";
import type { Target } from "./target.ts";

/** A secret, or why there is none. */
export type Read = Secret | SecretsError;

/** How one caller waits: its deadline and signal, applied to any promise. */
export type Wait = <T>(work: Promise<T>) => Promise<T>;

export interface ReadsEnvironment {
  readonly clock: Clock;
  readonly time: HotTime;
  readonly random: () => number;
  readonly cache: SecretCache;
  readonly leases: LeaseKeeper;
  readonly counters: Counters;
  /** Driver calls to one provider at the same time. */
  readonly concurrency: number;
  readonly retry: boolean;
  readonly batch: boolean;
  readonly closing: AbortSignal;
  readonly lastKnownGood: LastKnownGood | undefined;
  emit(event: SecretsEvent): void;
  /** A secret was read from the backend. */
  onRead(target: Target, secret: Secret): void;
}

/** When a read began: by each clock, as one tells ages to other processes and another how long it took. */
interface StartedAt {
  readonly wall: number;
  readonly monotonic: number;
  /** By `HotTime`. */
  readonly elapsed: number;
}

interface Pipelines {
  /** Reads of one turn together where that helps, retry, then the breaker, then the driver. */
  readonly usual: ReadMany;
  /** The driver alone, for what has a schedule of its own. */
  readonly once: ReadMany;
}

function pipelines(provider: Provider, { clock, random, counters, concurrency, retry, batch }: ReadsEnvironment): Pipelines {
  const limit = new ConcurrencyLimit(concurrency);
  const breaker = new CircuitBreaker(clock);
  const onCall = () => {
    counters.upstreamCalls += 1;
  };
  const once = readFrom(provider, limit, { batch, onCall });
  const guarded = breaking(once, breaker);
  const retried = retry ? retrying(guarded, { clock, random, isOpen: () => breaker.isOpen }) : guarded;
  const usual = batch && provider.features.joinReads && provider.readMany ? joining(retried) : retried;
  return { usual, once };
}

/** All reads from one provider: what is not held is read once for each key, through the layers, and held. */
export class ProviderReads {
  readonly #environment: ReadsEnvironment;
  readonly #flights: Flights<Read>;
  readonly #kind: string;
  readonly #pipelines: Pipelines;

  constructor(provider: Provider, environment: ReadsEnvironment) {
    this.#environment = environment;
    this.#flights = new Flights(() => environment.time.look());
    this.#kind = provider.kind;
    this.#pipelines = pipelines(provider, environment);
  }

  /** Whether a key is on its way. */
  isReading(key: string): boolean {
    return this.#flights.has(key);
  }

  /**
   * Reads what `targets` name, each key once, and all that is not yet under way in one upstream call. Gives one promise a target,
   * which rejects only when this caller's own wait ends. `once`: in one attempt, whatever came of those before.
   */
  read(targets: readonly Target[], wait: Wait, deadlineMs: number, how: keyof Pipelines = "usual"): Promise<Read>[] {
    const missing = new Map<string, Target>();
    for (const target of targets) if (!this.#flights.has(target.key)) missing.set(target.key, target);
    if (missing.size > 0) this.#start([...missing.values()], deadlineMs, how);
    return targets.map((target) => this.#flights.join(target.key, wait));
  }

  /** What is under way for a path that was written must not be held. */
  detachPath(pathKey: string): void {
    this.#flights.detach((key) => key === pathKey || key.startsWith(`${pathKey}?`));
  }

  #start(targets: readonly Target[], deadlineMs: number, how: keyof Pipelines): void {
    const { clock, closing, time } = this.#environment;
    const locators = targets.map((target) => target.locator);
    // From now and not from when it runs, so that no caller's equal deadline comes first and seems to be a caller who left.
    const startedAt = { wall: clock.now(), monotonic: clock.monotonic(), elapsed: time.look() };
    this.#flights.start(
      targets.map((target) => target.key),
      deadlineMs,
      async (abandoned, isCurrent) => {
        let outcomes: readonly Outcome[];
        try {
          const limits = { clock, deadlineMs, startedAt: startedAt.monotonic, signals: [closing, abandoned] };
          outcomes = await runCall(limits, (context) => this.#pipelines[how](locators, context));
        } catch (error) {
          const shared = driverError(error, this.#kind);
          outcomes = targets.map(() => shared);
        }
        return outcomes.map((outcome, index) => this.#land(targets[index] as Target, outcome, isCurrent, startedAt));
      },
    );
  }

  #land(target: Target, outcome: Outcome, isCurrent: (key: string) => boolean, startedAt: StartedAt): Read {
    const { cache, clock, closing, counters, emit, lastKnownGood, leases, onRead } = this.#environment;
    const { key } = target;
    if (isSecretsError(outcome)) {
      counters.failures += 1;
      if (isOutage(outcome) || isCurrent(key)) {
        cache.failed(key, outcome);
        if (isRefusal(outcome)) lastKnownGood?.erase(key);
        else this.#tellStale(target, outcome);
      }
      return outcome;
    }
    const { version, content, lease } = outcome;
    const secret = secretFromContent(content, version, key);
    if (closing.aborted) return secret;
    if (isCurrent(key)) {
      const before = leases.secret(key) ?? cache.find(key)?.secret;
      if (lease) {
        cache.drop(key);
        leases.hold(target, secret, lease, startedAt.elapsed);
      } else {
        leases.drop(key);
        cache.set(target, secret, contentSize(content));
      }
      lastKnownGood?.record(key, outcome, startedAt.wall, before?.version !== version);
      const upstreamMs = clock.monotonic() - startedAt.monotonic;
      emit({ type: "read", reference: key, version, outcome: before ? "refreshed" : "miss", upstreamMs });
      onRead(target, secret);
    } else if (lease) {
      leases.pass(target, secret, lease, startedAt.elapsed);
    }
    return secret;
  }

  #tellStale({ key: reference, provider }: Target, outcome: SecretsError): void {
    const { cache, emit, lastKnownGood } = this.#environment;
    const held = cache.find(reference);
    // What the snapshot gave was told when it did.
    if (held === undefined || held.freshness === lastKnownGood?.freshness || cache.stateOf(held) !== "stale") return;
    const error = namedError(outcome, { provider, reference }, this.#kind);
    emit({ type: "stale", reference, ageMs: cache.ageMs(held), error });
  }
}
