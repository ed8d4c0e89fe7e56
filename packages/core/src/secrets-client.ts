import { closedError, combinedError } from "./client-errors.ts";
import { type Clock, systemClock } from "./clock.ts";
import { closeProviders } from "./close-providers.ts";
import type { SecretsEvent, SecretsOptions } from "./create-secrets.ts";
import { DirectCalls } from "./direct-calls.ts";
import { DriverCalls } from "./driver-calls.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import { Followers } from "./followers.ts";
import { ForcedReads } from "./forced-reads.ts";
import { HotTime } from "./hot-time.ts";
import { LastKnownGood } from "./last-known-good.ts";
import { cacheSettings, checkedNumber, checkedProviders } from "./options.ts";
import type { CheckReport, Provider, VersionSummary } from "./provider.ts";
import { ProviderReads } from "./provider-reads.ts";
import { Reader } from "./reader.ts";
import type { BackendRotator, RotateOptions, Rotation, Rotator } from "./rotator.ts";
import type { Secret } from "./secret.ts";
import { SecretCache } from "./secret-cache.ts";
import type {
  CallOptions,
  GetManyOptions,
  GetOptions,
  Handle,
  ListedSecret,
  PutOptions,
  RemoveCallOptions,
  UseOptions,
} from "./secrets.ts";
import { newCounters, type Stats } from "./stats.ts";
import type { Target } from "./target.ts";
import { Targets } from "./targets.ts";
import { type UseEnvironment, useSecret } from "./use-secret.ts";
import { watchHandle } from "./watch-handle.ts";

/**
 * What `createSecrets` gives; `Secrets` has its types and its documentation. Inside: a synchronous look into the cache, then one
 * upstream call for each key, then the provider's pipeline.
 */
export class SecretsClient {
  readonly #clock: Clock;
  readonly #cache: SecretCache;
  readonly #targets = new Targets();
  readonly #deadlineMs: number;
  readonly #onEvent: ((event: SecretsEvent) => void) | undefined;
  readonly #closing = new AbortController();
  readonly #counters = newCounters();
  readonly #direct: DirectCalls;
  readonly #reader: Reader;
  readonly #followers: Followers;
  readonly #uses: UseEnvironment;
  readonly #lastKnownGood: LastKnownGood | undefined;
  #detached = 0;
  #closed: Promise<void> | undefined;

  constructor(options: SecretsOptions<Readonly<Record<string, Provider>>>) {
    const { clock = systemClock, random = Math.random, retry = true, batch = true } = options;
    const settings = cacheSettings(options.cache);
    const providers = checkedProviders(options.providers);
    const concurrency = Math.floor(checkedNumber("concurrency", options.concurrency, 32, 1));
    const deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, 10_000, 1);
    const closing = this.#closing.signal;
    const counters = this.#counters;
    const time = new HotTime(clock);
    const cache = new SecretCache(settings, time, random);
    const targets = this.#targets;
    const emit = (event: SecretsEvent) => this.#emit(event);
    this.#clock = clock;
    this.#cache = cache;
    this.#deadlineMs = deadlineMs;
    this.#onEvent = options.onEvent;
    this.#direct = new DirectCalls(new DriverCalls(clock, closing, deadlineMs), targets, (pathKey) => this.#changed(pathKey));
    const { snapshot } = options;
    const lastKnownGood = snapshot && new LastKnownGood(snapshot, clock, deadlineMs, emit);
    this.#lastKnownGood = lastKnownGood;
    this.#reader = new Reader({
      clock,
      cache,
      counters,
      deadlineMs,
      closing,
      emit,
      lastKnownGood,
      provider: (name) => targets.provider(name),
    });
    this.#followers = new Followers({
      clock,
      providers,
      emit,
      ttlMs: (key) => cache.freshness(key).ttlMs,
      refresh: (key) => this.refresh(key),
      drop: (pathKey) => this.#drop(pathKey),
    });
    this.#uses = {
      reader: this.#reader,
      forced: new ForcedReads(clock),
      drop: ({ key, pathKey }) => {
        cache.drop(key);
        lastKnownGood?.erase(key);
        this.#detach(pathKey);
      },
    };
    const onRead = (target: Target, secret: Secret) => this.#followers.update(target.key, secret);
    const environment = { clock, time, random, cache, counters, concurrency, retry, batch, closing, lastKnownGood, emit, onRead };
    for (const [name, provider] of providers) targets.add(name, { provider, reads: new ProviderReads(provider, environment) });
  }

  // Called most: no async function of its own, and for what is held no parsing and no look at options.
  get(reference: string, options?: GetOptions): Promise<unknown> {
    const fresh = options === undefined ? this.#reader.fresh(reference, this.#targets) : undefined;
    if (fresh !== undefined) return Promise.resolve(fresh);
    try {
      return this.#reader.get(this.#targets.of(reference), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  peek(reference: string): Secret | undefined {
    return this.#reader.fresh(reference, this.#targets) ?? this.#reader.peek(this.#targets.of(reference));
  }

  async getMany(
    references: readonly string[] | Readonly<Record<string, string>>,
    options: GetManyOptions = {},
  ): Promise<unknown> {
    if (typeof references !== "object" || references === null)
      throw new SecretsError("invalid-argument", "getMany takes an array or a record of references");
    const found = await this.#getAll(Array.isArray(references) ? [...references] : Object.values(references), options);
    const errors = found.filter((item) => isSecretsError(item));
    if (errors.length > 0 && !options.settle) throw combinedError(errors, found.length);
    if (Array.isArray(references)) return found;
    return Object.fromEntries(Object.keys(references).map((name, index) => [name, found[index]]));
  }

  warm(references: readonly string[]): void {
    this.#getAll(references, {}).catch(() => {});
  }

  async handle(reference: string, options: CallOptions = {}): Promise<Handle> {
    const target = this.#targets.of(reference);
    const detached = this.#detached;
    const whole = (await this.get(target.key, options)) as Secret;
    if (this.#targets.isClosed) throw closedError();
    const handle = this.#followers.open(target, whole);
    // What was read may be from before a write that nobody told this handle of.
    if (this.#detached !== detached) this.#followers.written(target.pathKey);
    return handle;
  }

  watch(reference: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Secret, void, undefined> {
    return watchHandle(() => this.handle(reference, options), [this.#closing.signal, options.signal]);
  }

  async use<T>(reference: string, fn: (secret: Secret) => T | Promise<T>, options: UseOptions = {}): Promise<T> {
    return useSecret(this.#uses, this.#targets.of(reference), fn, options);
  }

  async refresh(reference: string, options: CallOptions = {}): Promise<Secret> {
    const target = this.#targets.of(reference);
    // What is under way may have left the backend before whatever the caller knows of.
    this.#detach(target.pathKey);
    return (await this.#reader.get(target, { ...options, fresh: true })) as Secret;
  }

  async put(reference: string, value: unknown, options: PutOptions = {}): Promise<{ readonly version: string }> {
    return this.#direct.put(reference, value, options);
  }

  async remove(reference: string, options: RemoveCallOptions = {}): Promise<void> {
    return this.#direct.remove(reference, options);
  }

  list(prefix: string, options: CallOptions = {}): AsyncGenerator<ListedSecret, void, undefined> {
    return this.#direct.list(prefix, options);
  }

  versions(reference: string, options: CallOptions = {}): AsyncGenerator<VersionSummary, void, undefined> {
    return this.#direct.versions(reference, options);
  }

  async rotate(reference: string, rotator: Rotator | BackendRotator, options: RotateOptions = {}): Promise<Rotation> {
    return this.#direct.rotate(reference, rotator, options);
  }

  async check(name: string, options: CallOptions = {}): Promise<CheckReport> {
    return this.#direct.check(name, options);
  }

  lapsesAt(reference: string): number | undefined {
    // After close nothing is held, and whoever reports on it should not fail.
    return this.#targets.isClosed ? undefined : this.#cache.find(this.#targets.of(reference).key)?.rare?.lapsesAt;
  }

  stats(): Stats {
    return { ...this.#counters, ...this.#cache.size };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #getAll(references: readonly string[], options: GetOptions): ReturnType<Reader["getAll"]> {
    const targets = references.map((reference) => {
      try {
        return this.#targets.of(reference);
      } catch (error) {
        return error as SecretsError;
      }
    });
    return this.#reader.getAll(targets, options);
  }

  /** A write or a removal: whatever came of it, what is held under that path is no longer sure. */
  #changed(pathKey: string): void {
    this.#drop(pathKey);
    if (!this.#targets.isClosed) this.#followers.written(pathKey);
  }

  #drop(pathKey: string): void {
    this.#cache.dropPath(pathKey);
    this.#lastKnownGood?.erase(pathKey);
    this.#detach(pathKey);
  }

  /** What is under way for a path serves those who wait for it, and nobody else. */
  #detach(pathKey: string): void {
    this.#detached += 1;
    for (const [, { reads }] of this.#targets.providers()) reads.detachPath(pathKey);
  }

  #emit(event: SecretsEvent): void {
    try {
      // A listener's failure is its own.
      Promise.resolve(this.#onEvent?.(event)).catch(() => {});
    } catch {}
  }

  async #close(): Promise<void> {
    this.#followers.close();
    this.#targets.close();
    this.#closing.abort(closedError());
    this.#cache.clear();
    const limits = { clock: this.#clock, deadlineMs: this.#deadlineMs, signals: [] };
    const failed = (provider: string, error: SecretsError) => this.#emit({ type: "close-failed", provider, error });
    await Promise.all([closeProviders(this.#targets.providers(), limits, failed), this.#lastKnownGood?.close()]);
  }
}
