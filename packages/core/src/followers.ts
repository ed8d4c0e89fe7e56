import { namedError } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import type { SecretsError } from "./errors.ts";
import { Followed, follow } from "./followed.ts";
import type { Provider } from "./provider.ts";
import type { Secret } from "./secret.ts";
import { fieldOf } from "./secret-cache.ts";
import type { Handle } from "./secrets.ts";
import type { Target } from "./target.ts";

const shortestPollMs = 1_000;

export interface FollowersEnvironment {
  readonly clock: Clock;
  readonly providers: ReadonlyMap<string, Provider>;
  /** How long a key is fresh: where the backend tells no changes, it is read again so often. */
  ttlMs(key: string): number;
  /** Whether a key is held under a lease: then it is kept new by that. */
  isLent(key: string): boolean;
  /** Whether a lease may end under a secret. */
  isLeased(secret: Secret): boolean;
  /** Why a secret must not be used any more, or undefined. */
  overdue(key: string, secret: Secret): SecretsError | undefined;
  /** Reads anew, past the cache. */
  refresh(key: string): Promise<Secret>;
  /** Drops what is held under a path. */
  drop(pathKey: string): void;
  emit(event: SecretsEvent): void;
}

interface Following {
  readonly followed: Followed;
  readonly pathKey: string;
}

/** Every key that has an open handle. */
export class Followers {
  readonly #environment: FollowersEnvironment;
  readonly #following = new Map<string, Following>();

  constructor(environment: FollowersEnvironment) {
    this.#environment = environment;
  }

  /** @throws SecretsError `not-found` or `decode` for a field that is not there; then nothing is followed. */
  open(target: Target, whole: Secret): Handle {
    fieldOf(whole, target);
    const { followed } = this.#following.get(target.key) ?? this.#start(target, whole);
    return followed.open(target.field);
  }

  has(key: string): boolean {
    return this.#following.has(key);
  }

  /** A key was read from its backend. */
  update(key: string, secret: Secret): void {
    this.#following.get(key)?.followed.update(secret);
  }

  /** This client wrote under a path: its own handles need not wait for the backend's news. */
  written(pathKey: string): void {
    void this.reread(pathKey);
  }

  /** Reads what is followed under a path. Never rejects: a failure is an event. */
  async reread(pathKey: string): Promise<void> {
    const keys = [...this.#following].filter(([, following]) => following.pathKey === pathKey).map(([key]) => key);
    await Promise.all(keys.map((key) => this.#refresh(key)));
  }

  close(): void {
    for (const { followed } of [...this.#following.values()]) followed.closeAll();
  }

  async #refresh(key: string): Promise<void> {
    try {
      await this.#environment.refresh(key);
    } catch (error) {
      if (this.#following.has(key)) this.#failed(key, error);
    }
  }

  #failed(key: string, error: unknown): void {
    const provider = key.slice(0, key.indexOf("://"));
    const kind = this.#environment.providers.get(provider)?.kind ?? provider;
    this.#environment.emit({
      type: "watch-failed",
      reference: key,
      error: namedError(error, { provider, reference: key }, kind),
    });
  }

  #start({ key, pathKey, locator, provider: name }: Target, whole: Secret): Following {
    const { clock, ttlMs, drop, emit, isLeased, isLent, overdue, refresh } = this.#environment;
    const ending = new AbortController();
    const stop = () => {
      ending.abort();
      this.#following.delete(key);
    };
    const followed = new Followed(whole, {
      onEmpty: stop,
      isLeased,
      overdue: (secret) => overdue(key, secret),
      onChanged: (version) => emit({ type: "changed", reference: key, version }),
      onListenerFailed: () => emit({ type: "listener-failed", reference: key }),
    });
    const following = { followed, pathKey };
    this.#following.set(key, following);
    const provider = this.#environment.providers.get(name) as Provider;
    const watch = provider.watch?.bind(provider);
    // One exact version never changes, and what is lent is replaced by its lease.
    if (locator.version !== undefined || (watch === undefined && isLent(key))) return following;
    void follow({
      clock,
      signal: ending.signal,
      pollMs: Math.max(ttlMs(key), shortestPollMs),
      version: () => followed.version,
      refresh: async () => {
        if (watch !== undefined || !isLent(key)) await refresh(key);
      },
      changes: watch && ((signal) => watch(locator, { signal, deadlineAt: Number.POSITIVE_INFINITY, clock })),
      // A value that is known to have been replaced must not be served to anybody else meanwhile.
      onChanged: () => drop(pathKey),
      onRemoved: () => {
        drop(pathKey);
        emit({ type: "changed", reference: key, version: undefined });
      },
      onFailed: (error) => this.#failed(key, error),
    });
    return following;
  }
}
