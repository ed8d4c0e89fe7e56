import type { Notified } from "./change-event.ts";
import { closedError, combinedError } from "./client-errors.ts";
import { type ClientParts, clientParts } from "./client-parts.ts";
import { closeProviders } from "./close-providers.ts";
import type { SecretsEvent, SecretsOptions } from "./create-secrets.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import type { CheckReport, Provider, VersionSummary } from "./provider.ts";
import type { Reader } from "./reader.ts";
import type { BackendRotator, RotateOptions, Rotation, Rotator } from "./rotator.ts";
import type { Secret } from "./secret.ts";
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
import type { Stats } from "./stats.ts";
import type { Targets } from "./targets.ts";
import { useSecret } from "./use-secret.ts";
import { watchHandle } from "./watch-handle.ts";

/** Quicker than `Promise.resolve`. */
const promised = async (secret: Secret): Promise<Secret> => secret;

/**
 * What `createSecrets` gives; `Secrets` has its types and its documentation. Inside: a synchronous look into the cache, then one
 * upstream call for each key, then the provider's pipeline.
 */
export class SecretsClient {
  readonly #parts: ClientParts;
  readonly #targets: Targets;
  readonly #reader: Reader;
  readonly #onEvent: ((event: SecretsEvent) => void) | undefined;
  readonly #closing = new AbortController();
  #detached = 0;
  #closed: Promise<void> | undefined;

  constructor(options: SecretsOptions<Readonly<Record<string, Provider>>>) {
    this.#onEvent = options.onEvent;
    this.#parts = clientParts(options, {
      closing: this.#closing.signal,
      emit: (event) => this.#emit(event),
      refresh: (key) => this.refresh(key),
      changed: (pathKey) => this.#changed(pathKey),
      drop: (pathKey) => this.#drop(pathKey),
      detach: (pathKey) => this.#detach(pathKey),
    });
    this.#targets = this.#parts.targets;
    this.#reader = this.#parts.reader;
  }

  // Called most: no async function of its own, and for what is held no parsing and no look at options.
  get(reference: string, options?: GetOptions): Promise<unknown> {
    const fresh = options === undefined ? this.#reader.fresh(reference, this.#targets) : undefined;
    if (fresh !== undefined) return promised(fresh);
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
    const handle = this.#parts.followers.open(target, whole);
    // What was read may be from before a write that nobody told this handle of.
    if (this.#detached !== detached) this.#parts.followers.written(target.pathKey);
    return handle;
  }

  watch(reference: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Secret, void, undefined> {
    return watchHandle(() => this.handle(reference, options), [this.#closing.signal, options.signal]);
  }

  async use<T>(reference: string, fn: (secret: Secret) => T | Promise<T>, options: UseOptions = {}): Promise<T> {
    return useSecret(this.#parts.uses, this.#targets.of(reference), fn, options);
  }

  async refresh(reference: string, options: CallOptions = {}): Promise<Secret> {
    const target = this.#targets.of(reference);
    // What is under way may have left the backend before whatever the caller knows of.
    this.#detach(target.pathKey);
    return (await this.#reader.get(target, { ...options, fresh: true })) as Secret;
  }

  async notify(event: unknown): Promise<Notified> {
    if (this.#targets.isClosed) throw closedError();
    return this.#parts.notices.notify(event);
  }

  async put(reference: string, value: unknown, options: PutOptions = {}): Promise<{ readonly version: string }> {
    return this.#parts.direct.put(reference, value, options);
  }

  async remove(reference: string, options: RemoveCallOptions = {}): Promise<void> {
    return this.#parts.direct.remove(reference, options);
  }

  list(prefix: string, options: CallOptions = {}): AsyncGenerator<ListedSecret, void, undefined> {
    return this.#parts.direct.list(prefix, options);
  }

  versions(reference: string, options: CallOptions = {}): AsyncGenerator<VersionSummary, void, undefined> {
    return this.#parts.direct.versions(reference, options);
  }

  async rotate(reference: string, rotator: Rotator | BackendRotator, options: RotateOptions = {}): Promise<Rotation> {
    return this.#parts.direct.rotate(reference, rotator, options);
  }

  async check(name: string, options: CallOptions = {}): Promise<CheckReport> {
    return this.#parts.direct.check(name, options);
  }

  lapsesAt(reference: string): number | undefined {
    // After close nothing is held, and whoever reports on it should not fail.
    return this.#targets.isClosed ? undefined : this.#parts.leases.lapsesAt(this.#targets.of(reference).key);
  }

  stats(): Stats {
    return { ...this.#parts.counters, ...this.#parts.cache.size, leases: this.#parts.leases.size };
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
    if (!this.#targets.isClosed) this.#parts.followers.written(pathKey);
  }

  #drop(pathKey: string): void {
    this.#parts.cache.dropPath(pathKey);
    this.#parts.leases.dropPath(pathKey);
    this.#parts.lastKnownGood?.erase(pathKey);
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
    const { cache, clock, deadlineMs, followers, lastKnownGood, leases } = this.#parts;
    const startedAt = clock.monotonic();
    const leftMs = () => Math.max(1, startedAt + deadlineMs - clock.monotonic());
    followers.close();
    this.#targets.close();
    // Otherwise a lease that is on its way could not be revoked.
    if (leases.isReading) await leases.settled(leftMs() / 4);
    this.#closing.abort(closedError());
    cache.clear();
    const failed = (provider: string, error: SecretsError) => this.#emit({ type: "close-failed", provider, error });
    const closeAll = async () => {
      // By providers that are still open, and with time left for closing them.
      await leases.close(leftMs() * 0.8);
      await closeProviders(this.#targets.providers(), { clock, deadlineMs: leftMs(), signals: [] }, failed);
    };
    await Promise.all([closeAll(), lastKnownGood?.close()]);
  }
}
