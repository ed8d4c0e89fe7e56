import { closedError, combinedError, namedError, refusedField, refusedVersion, unlessOptional } from "./client-errors.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { SecretsEvent, SecretsOptions } from "./create-secrets.ts";
import { DriverCalls } from "./driver-calls.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import { Followers } from "./followers.ts";
import { ForcedReads } from "./forced-reads.ts";
import { isAuthenticationError } from "./is-authentication-error.ts";
import { cacheLimits, checkedNumber, checkedProviders } from "./options.ts";
import type { Provider, VersionSummary, WriteOptions } from "./provider.ts";
import { ProviderReads, type Read } from "./provider-reads.ts";
import { putContent } from "./put-content.ts";
import { parseReference } from "./reference.ts";
import { abortError, runCall } from "./run-call.ts";
import type { Secret } from "./secret.ts";
import { fieldOf, heldField, SecretCache } from "./secret-cache.ts";
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
import { type Target, targetOf } from "./target.ts";
import { watchHandle } from "./watch-handle.ts";

const mostTargets = 10_000;
const shortestPollMs = 1_000;

/** One provider under its name. */
interface Named {
  readonly provider: Provider;
  readonly reads: ProviderReads;
}

/**
 * What `createSecrets` gives; `Secrets` has its types and its documentation. Inside: a synchronous look into the cache, then one
 * upstream call for each key, then the provider's pipeline.
 */
export class SecretsClient {
  readonly #clock: Clock;
  readonly #cache: SecretCache;
  readonly #named = new Map<string, Named>();
  readonly #deadlineMs: number;
  readonly #onEvent: ((event: SecretsEvent) => void) | undefined;
  readonly #closing = new AbortController();
  readonly #calls: DriverCalls;
  readonly #followers: Followers;
  readonly #forced: ForcedReads;
  #targets = new Map<string, Target>();
  #closed: Promise<void> | undefined;

  constructor(options: SecretsOptions<Readonly<Record<string, Provider>>>) {
    const limits = cacheLimits(options.cache);
    const clock = options.clock ?? systemClock;
    const providers = checkedProviders(options.providers);
    const closing = this.#closing.signal;
    this.#clock = clock;
    this.#cache = new SecretCache(limits, clock);
    this.#deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, 10_000, 1);
    this.#onEvent = options.onEvent;
    this.#calls = new DriverCalls(clock, closing, this.#deadlineMs);
    this.#forced = new ForcedReads(clock);
    this.#followers = new Followers({
      clock,
      providers,
      pollMs: Math.max(limits.ttlMs, shortestPollMs),
      refresh: (key) => this.refresh(key),
      drop: (pathKey) => this.#drop(pathKey),
      emit: (event) => this.#emit(event),
    });
    const onRead = (target: Target, secret: Secret) => this.#followers.update(target.key, secret);
    for (const [name, provider] of providers) {
      this.#named.set(name, { provider, reads: new ProviderReads(provider, { clock, cache: this.#cache, closing, onRead }) });
    }
  }

  // The two that are called most give their promise without an async function in between.
  get(reference: string, options: GetOptions = {}): Promise<Secret | undefined> {
    try {
      const target = this.#target(reference);
      const held = options.signal?.aborted ? undefined : this.#cache.get(target.key);
      if (held) return Promise.resolve(heldField(held, target));
      return this.#read([target], options)[0] as Promise<Secret | undefined>;
    } catch (error) {
      return Promise.resolve().then(() => unlessOptional(error, options));
    }
  }

  peek(reference: string): Secret | undefined {
    const target = this.#target(reference);
    const held = this.#cache.get(target.key);
    return held && heldField(held, target);
  }

  async getMany(
    references: readonly string[] | Readonly<Record<string, string>>,
    options: GetManyOptions = {},
  ): Promise<unknown> {
    const found = await this.#getAll(Object.values(references), options);
    const errors = found.filter((item) => isSecretsError(item));
    if (errors.length > 0 && !options.settle) throw combinedError(errors, found.length);
    if (Array.isArray(references)) return found;
    return Object.fromEntries(Object.keys(references).map((name, index) => [name, found[index]]));
  }

  warm(references: readonly string[]): void {
    this.#getAll(references, {}).catch(() => {});
  }

  async handle(reference: string, options: CallOptions = {}): Promise<Handle> {
    const target = this.#target(reference);
    const whole = (await this.get(target.key, options)) as Secret;
    return this.#followers.open(target, whole);
  }

  watch(reference: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Secret, void, undefined> {
    return watchHandle(() => this.handle(reference, options), [this.#closing.signal, options.signal]);
  }

  async use<T>(reference: string, fn: (secret: Secret) => T | Promise<T>, options: UseOptions = {}): Promise<T> {
    const { isAuthError = isAuthenticationError, signal, deadlineMs } = options;
    const callOptions = { signal, deadlineMs };
    const secret = (await this.get(reference, callOptions)) as Secret;
    try {
      return await fn(secret);
    } catch (error) {
      if (!isAuthError(error)) throw error;
      const newer = await this.#readAfterRefusal(this.#target(reference), secret, callOptions);
      if (newer === undefined) throw error;
      return await fn(newer);
    }
  }

  async refresh(reference: string, options: CallOptions = {}): Promise<Secret> {
    const target = this.#target(reference);
    this.#drop(target.pathKey);
    return this.#read([target], options)[0] as Promise<Secret>;
  }

  async put(reference: string, value: unknown, options: PutOptions = {}): Promise<{ readonly version: string }> {
    const target = this.#target(reference);
    if (target.field !== undefined) throw refusedField(target);
    if (target.locator.version !== undefined) throw refusedVersion(target);
    const { provider } = this.#provider(target.provider);
    const { ifVersion, idempotencyKey, labels } = options;
    const write: WriteOptions = { ifVersion, idempotencyKey, labels };
    const content = putContent(value, provider.features);
    return this.#changing(target, () =>
      this.#calls.call(provider, target, "write", options, (context) => provider.write!(target.locator, content, write, context)),
    );
  }

  async remove(reference: string, options: RemoveCallOptions = {}): Promise<void> {
    const target = this.#target(reference);
    if (target.field !== undefined) throw refusedField(target);
    const { provider } = this.#provider(target.provider);
    const { ifVersion } = options;
    await this.#changing(target, () =>
      this.#calls.call(provider, target, "remove", options, (context) =>
        provider.remove!(target.locator, { ifVersion }, context),
      ),
    );
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncGenerator<ListedSecret, void, undefined> {
    // The prefix may be empty, which no reference's path may.
    const all = /^([^:]+):\/\/$/.exec(prefix);
    const { provider: name, path, ...more } = all ? { provider: all[1] as string, path: "" } : parseReference(prefix);
    if (Object.keys(more).length > 0) {
      throw new SecretsError("invalid-argument", "list takes a prefix of paths, without version, stage and field");
    }
    yield* this.#calls.list(this.#provider(name).provider, name, path, options);
  }

  async *versions(reference: string, options: CallOptions = {}): AsyncGenerator<VersionSummary, void, undefined> {
    const target = this.#target(reference);
    yield* this.#calls.versions(this.#provider(target.provider).provider, target, options);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #target(reference: string): Target {
    if (this.#closed) throw closedError();
    const known = this.#targets.get(reference);
    if (known) return known;
    const target = targetOf(parseReference(reference));
    this.#provider(target.provider);
    // Bounded by starting over: references come from code and config, so there are few.
    if (this.#targets.size >= mostTargets) this.#targets = new Map();
    this.#targets.set(reference, target);
    return target;
  }

  #provider(name: string): Named {
    if (this.#closed) throw closedError();
    const named = this.#named.get(name);
    if (named) return named;
    throw new SecretsError("invalid-argument", `no provider is named ${name}`, {
      hint: `Providers of this client: ${[...this.#named.keys()].join(", ") || "none"}.`,
    });
  }

  /** Reads targets of one provider past the cache: a promise for each. */
  #read(targets: readonly Target[], options: GetOptions): Promise<Secret | undefined>[] {
    const { provider, reads } = this.#provider((targets[0] as Target).provider);
    const deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, this.#deadlineMs, 1);
    const limits = { clock: this.#clock, deadlineMs, signals: [this.#closing.signal, options.signal] };
    // Nothing is asked of a backend for a caller that has already gone.
    if (options.signal?.aborted)
      return targets.map((target) => Promise.reject(namedError(abortError(options.signal!), target, provider.kind)));
    const waits = reads.read(targets, (work) => runCall(limits, () => work), Math.max(deadlineMs, this.#deadlineMs));
    return targets.map(async (target, index) => {
      try {
        const read = await (waits[index] as Promise<Read>);
        if (isSecretsError(read)) throw read;
        const held = this.#cache.get(target.key);
        return held?.secret === read ? heldField(held, target) : fieldOf(read, target);
      } catch (error) {
        return unlessOptional(namedError(error, target, provider.kind), options);
      }
    });
  }

  /** Reads many: what is held at once, the rest in one upstream call for each provider. A failure is a value. */
  async #getAll(references: readonly string[], options: GetOptions): Promise<(Secret | SecretsError | undefined)[]> {
    const found: (Promise<Secret | undefined> | Secret | undefined)[] = [];
    const missing = new Map<string, { readonly targets: Target[]; readonly indexes: number[] }>();
    references.forEach((reference, index) => {
      try {
        const target = this.#target(reference);
        const held = options.signal?.aborted ? undefined : this.#cache.get(target.key);
        if (held) {
          found[index] = heldField(held, target);
          return;
        }
        const group = missing.get(target.provider) ?? { targets: [], indexes: [] };
        group.targets.push(target);
        group.indexes.push(index);
        missing.set(target.provider, group);
      } catch (error) {
        found[index] = Promise.resolve().then(() => unlessOptional(error, options));
      }
    });
    for (const { targets, indexes } of missing.values()) {
      this.#read(targets, options).forEach((read, position) => {
        found[indexes[position] as number] = read;
      });
    }
    return (await Promise.allSettled(found)).map((result) => (result.status === "fulfilled" ? result.value : result.reason));
  }

  /** After a refusal: a newer secret if there is one, or undefined. */
  async #readAfterRefusal(target: Target, refused: Secret, options: CallOptions): Promise<Secret | undefined> {
    const held = this.#cache.get(target.key);
    const current = held && heldField(held, target);
    if (current && !current.equals(refused)) return current;
    if (!this.#forced.isAllowed(target.key)) return undefined;
    if (current) this.#cache.drop(target.key);
    const next = (await this.#read([target], options)[0]) as Secret;
    return this.#forced.isNews(target.key, refused, next) ? next : undefined;
  }

  /** A write or a removal: whatever came of it, what is held under that path is no longer sure. */
  async #changing<T>(target: Target, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#drop(target.pathKey);
      if (!this.#closed) this.#followers.written(target.pathKey);
    }
  }

  #drop(pathKey: string): void {
    this.#cache.dropPath(pathKey);
    for (const { reads } of this.#named.values()) reads.detachPath(pathKey);
  }

  #emit(event: SecretsEvent): void {
    try {
      this.#onEvent?.(event);
    } catch {
      // A listener's failure is its own.
    }
  }

  async #close(): Promise<void> {
    this.#followers.close();
    this.#closing.abort(closedError());
    this.#cache.clear();
    const limits = { clock: this.#clock, deadlineMs: this.#deadlineMs, signals: [] };
    const closes = [...this.#named].map(async ([name, { provider }]) => {
      try {
        await runCall(limits, async () => provider.close?.());
      } catch (error) {
        const named = { provider: name, reference: `${name}://` };
        this.#emit({ type: "close-failed", provider: name, error: namedError(error, named, provider.kind) });
      }
    });
    await Promise.all(closes);
  }
}
