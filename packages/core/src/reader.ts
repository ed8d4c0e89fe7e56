import { callerWait } from "./caller-wait.ts";
import { namedError, unlessOptional } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import { contentSize } from "./content.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import { isSecretsError, type SecretsError } from "./errors.ts";
import type { LastKnownGood, Rescue } from "./last-known-good.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { checkedNumber } from "./options.ts";
import type { Provider } from "./provider.ts";
import type { ProviderReads, Read } from "./provider-reads.ts";
import { abortError } from "./run-call.ts";
import { type Secret, secretFromContent } from "./secret.ts";
import { fieldOf, type Held, heldField, isOutage, type SecretCache } from "./secret-cache.ts";
import type { GetOptions, ReadStatus } from "./secrets.ts";
import type { Counters } from "./stats.ts";
import type { Target } from "./target.ts";
import type { Targets } from "./targets.ts";

/** One provider under its name. */
export interface NamedProvider {
  readonly provider: Provider;
  readonly reads: ProviderReads;
}

export interface ReaderEnvironment {
  readonly clock: Clock;
  readonly cache: SecretCache;
  readonly leases: LeaseKeeper;
  readonly counters: Counters;
  readonly deadlineMs: number;
  readonly closing: AbortSignal;
  readonly lastKnownGood: LastKnownGood | undefined;
  provider(name: string): NamedProvider;
  emit(event: SecretsEvent): void;
}

type Answer = Secret | SecretsError | undefined;

const noOptions: GetOptions = {};

/** Decides, for each reference that is asked for, whether what is held serves, whether the backend is asked, and what its failure means. */
export class Reader {
  readonly #environment: ReaderEnvironment;
  readonly #cache: SecretCache;
  readonly #counters: Counters;

  constructor(environment: ReaderEnvironment) {
    this.#environment = environment;
    this.#cache = environment.cache;
    this.#counters = environment.counters;
  }

  /** What is held, fresh, and was given for this reference before: the shortest way to it. */
  fresh(reference: string, targets: Targets): Secret | undefined {
    // A whole secret lies in the cache under its reference itself.
    let secret = this.#cache.fresh(reference)?.secret;
    if (secret === undefined) {
      const known = targets.known(reference);
      const held = known && this.#cache.fresh(known.key);
      secret = known?.field === undefined ? held?.secret : held?.rare?.fields.get(known.field);
    }
    if (secret !== undefined) this.#counters.hits += 1;
    return secret;
  }

  get(target: Target, options: GetOptions = noOptions): Promise<Answer> {
    try {
      const held = this.#look(target, options);
      if (held === undefined) return this.#read([target], options)[0] as Promise<Answer>;
      return Promise.resolve(heldField(held, target));
    } catch (error) {
      return Promise.resolve().then(() => unlessOptional(error, options));
    }
  }

  /** Gets many: what is held at once, the rest in one upstream call for each provider. A failure is a value. */
  async getAll(targets: readonly (Target | SecretsError)[], options: GetOptions): Promise<Answer[]> {
    const found: (Promise<Answer> | Answer)[] = [];
    const missing = new Map<string, { readonly targets: Target[]; readonly indexes: number[] }>();
    targets.forEach((target, index) => {
      try {
        if (isSecretsError(target)) throw target;
        const held = this.#look(target, options);
        if (held) {
          found[index] = heldField(held, target);
          return;
        }
        const group = missing.get(target.provider) ?? { targets: [], indexes: [] };
        group.targets.push(target);
        group.indexes.push(index);
        missing.set(target.provider, group);
      } catch (error) {
        // A value and no rejected promise: nobody waits for it yet.
        found[index] = options.optional && isSecretsError(error, "not-found") ? undefined : (error as SecretsError);
      }
    });
    for (const { targets: wanted, indexes } of missing.values()) {
      this.#read(wanted, options).forEach((read, position) => {
        found[indexes[position] as number] = read;
      });
    }
    return (await Promise.allSettled(found)).map((result) => (result.status === "fulfilled" ? result.value : result.reason));
  }

  /** What is held and may be served without asking, or undefined. Changes nothing. */
  peek(target: Target): Secret | undefined {
    const { cache, leases } = this.#environment;
    const lent = leases.find(target.key);
    if (lent) return heldField(lent, target);
    const held = cache.find(target.key);
    if (held === undefined || (cache.stateOf(held) === "stale" && !cache.isResting(held))) return undefined;
    return heldField(held, target);
  }

  /** What is held for these options, or undefined where the backend has to be asked. @throws a refusal that is remembered. */
  #look(target: Target, options: GetOptions): Held | undefined {
    const { cache, counters, leases } = this.#environment;
    if (options.fresh || options.signal?.aborted) return undefined;
    const lent = leases.find(target.key);
    if (lent && !isTooOld(cache.ageMs(lent), options)) {
      this.#tell(options, lent, "hit");
      return lent;
    }
    const held = cache.find(target.key);
    if (held === undefined || isTooOld(cache.ageMs(held), options)) {
      const refusal = held ? undefined : cache.refusal(target.key);
      if (refusal === undefined) return undefined;
      counters.refusals += 1;
      throw namedError(refusal, target, target.provider);
    }
    const state = cache.stateOf(held);
    if (state === "stale") {
      if (!cache.isResting(held)) return undefined;
      this.#tell(options, held, "stale");
      return held;
    }
    const refreshed = state === "due" && this.#refreshAhead(target, held);
    this.#tell(options, held, refreshed ? "refreshed" : "hit");
    return held;
  }

  /** Reads a value that will soon not be fresh, while it is served. */
  #refreshAhead(target: Target, held: Held): boolean {
    const { cache, closing, counters, emit, provider } = this.#environment;
    if (cache.isResting(held) || provider(target.provider).reads.isReading(target.key)) return false;
    counters.refreshes += 1;
    const whole: Target = { ...target, field: undefined, reference: target.key };
    const [read] = this.#upstream([whole], noOptions);
    (read as Promise<Read>).then(
      (outcome) => {
        if (isSecretsError(outcome) && !closing.aborted)
          emit({ type: "refresh-failed", reference: target.key, error: namedError(outcome, whole, target.provider) });
      },
      () => {},
    );
    return true;
  }

  /** Reads a whole secret in one attempt, for what has a schedule of its own. Never rejects. */
  async readAnew(target: Target, deadlineMs: number): Promise<Read> {
    const { clock, provider } = this.#environment;
    const { reads } = provider(target.provider);
    try {
      return await (reads.read([target], callerWait({ clock, deadlineMs }), deadlineMs, "once")[0] as Promise<Read>);
    } catch (error) {
      return error as SecretsError;
    }
  }

  #upstream(targets: readonly Target[], options: GetOptions): Promise<Read>[] {
    const { clock, deadlineMs: usualMs, provider } = this.#environment;
    const deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, usualMs, 1);
    const { reads } = provider((targets[0] as Target).provider);
    // Nothing is asked of a backend for a caller that has already gone.
    if (options.signal?.aborted) return targets.map(() => Promise.reject(abortError(options.signal as AbortSignal)));
    // Closing ends the upstream call, and by it every wait: ten thousand listeners at one signal would cost a second.
    const wait = callerWait({ clock, deadlineMs, signal: options.signal });
    return reads.read(targets, wait, Math.max(deadlineMs, usualMs));
  }

  /** Reads targets of one provider: a promise for each. What is held serves only if the backend turns out to be down. */
  #read(targets: readonly Target[], options: GetOptions): Promise<Answer>[] {
    const { cache, counters, clock, deadlineMs, lastKnownGood, leases, provider } = this.#environment;
    const { kind } = provider((targets[0] as Target).provider).provider;
    const startedAt = clock.monotonic();
    const waits = this.#upstream(targets, options);
    const rescue = options.fresh ? undefined : lastKnownGood?.rescue(options.deadlineMs ?? deadlineMs, options.signal);
    if (rescue) void Promise.allSettled(waits).then(rescue.end);
    return targets.map(async (target, index) => {
      try {
        const read = await (waits[index] as Promise<Read>);
        if (isSecretsError(read)) throw read;
        counters.misses += 1;
        if (options.status) fill(options.status, "miss", 0, clock.monotonic() - startedAt);
        const held = leases.find(target.key) ?? cache.find(target.key);
        return held?.secret === read ? heldField(held, target) : fieldOf(read, target);
      } catch (error) {
        if (isOutage(error) && !options.fresh) {
          const stale =
            leases.find(target.key) ??
            cache.find(target.key) ??
            (await this.#restored(target, rescue, error as SecretsError, kind));
          if (stale && !isTooOld(cache.ageMs(stale), options)) {
            this.#tell(options, stale, "stale", clock.monotonic() - startedAt);
            return heldField(stale, target);
          }
        }
        return unlessOptional(namedError(error, target, kind), options);
      }
    });
  }

  /** What the snapshot has, held from now on. One caller brings it for all who wait for the same. */
  async #restored(target: Target, rescue: Rescue | undefined, error: SecretsError, kind: string): Promise<Held | undefined> {
    const { cache, closing, emit, lastKnownGood } = this.#environment;
    const found = await rescue?.find(target.key);
    if (found === undefined || lastKnownGood === undefined || closing.aborted) return undefined;
    const known = cache.find(target.key);
    if (known) return known;
    const { content, version } = found.record;
    const secret = secretFromContent(content, version, target.key);
    const named = namedError(error, { provider: target.provider, reference: target.key }, kind);
    emit({ type: "snapshot-used", reference: target.key, ageMs: found.ageMs, error: named });
    return cache.restore(target, secret, contentSize(content), found.ageMs, lastKnownGood.freshness, error);
  }

  #tell({ status }: GetOptions, held: Held, outcome: "hit" | "refreshed" | "stale", upstreamMs?: number): void {
    const { cache, counters, lastKnownGood } = this.#environment;
    const isRestored = held.freshness === lastKnownGood?.freshness;
    if (outcome !== "stale") counters.hits += 1;
    else if (isRestored) counters.snapshots += 1;
    else counters.stale += 1;
    if (status) fill(status, isRestored ? "snapshot" : outcome, cache.ageMs(held), upstreamMs);
  }
}

const isTooOld = (ageMs: number, { maxAgeMs }: GetOptions): boolean => maxAgeMs !== undefined && ageMs >= maxAgeMs;

/** All of it: a status may be used for one call after another. */
function fill(status: ReadStatus, outcome: ReadStatus["outcome"], ageMs: number, upstreamMs?: number): void {
  Object.assign(status, { outcome, ageMs, upstreamMs });
}
