import { namedError } from "./client-errors.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import { isSecretsError, type SecretsError } from "./errors.ts";
import { Followed } from "./followed.ts";
import { Probes, type ProbesEnvironment } from "./probes.ts";
import { Schedule } from "./schedule.ts";
import type { Secret } from "./secret.ts";
import { fieldOf } from "./secret-cache.ts";
import type { Handle } from "./secrets.ts";
import type { Target } from "./target.ts";
import { watchBackend } from "./watch-backend.ts";

const shortestPollMs = 1_000;
const retryMs = { first: 1_000, longest: 60_000 };

export interface FollowersEnvironment extends Omit<ProbesEnvironment, "schedule"> {
  /** How long what was replaced stays with the handles. */
  readonly overlapMs: number;
  /** How long a key is fresh: where the backend tells no changes, it is asked so often. */
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
  /** How often in a row it could not be read after it had changed. */
  failures: number;
}

/** Every key that has an open handle. */
export class Followers {
  readonly #environment: FollowersEnvironment;
  readonly #following = new Map<string, Following>();
  /** All that is to be done at some time for what is followed. */
  readonly #schedule: Schedule;
  readonly #probes: Probes;

  constructor(environment: FollowersEnvironment) {
    this.#environment = environment;
    this.#schedule = new Schedule(environment.clock, environment.time);
    this.#probes = new Probes({ ...environment, schedule: this.#schedule });
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
    const following = this.#following.get(key);
    if (following === undefined) return;
    following.failures = 0;
    this.#schedule.delete(`again ${key}`);
    this.#probes.seen(key);
    following.followed.update(secret);
  }

  /** This client wrote under a path: its own handles need not wait for the backend's news. */
  written(pathKey: string): void {
    void this.reread(pathKey);
  }

  /** Reads what is followed under a path. Never rejects: a failure is an event, and if it may pass it is tried again. */
  async reread(pathKey: string): Promise<void> {
    const keys = [...this.#following].filter(([, following]) => following.pathKey === pathKey).map(([key]) => key);
    await Promise.all(keys.map((key) => this.#refresh(key)));
  }

  close(): void {
    for (const { followed } of [...this.#following.values()]) followed.closeAll();
    this.#schedule.clear();
  }

  async #refresh(key: string): Promise<void> {
    const { random, refresh, time } = this.#environment;
    try {
      await refresh(key);
    } catch (error) {
      const following = this.#following.get(key);
      if (following === undefined) return;
      this.#failed(key, error);
      if (!isSecretsError(error) || !error.retryable) return;
      const waitMs = Math.min(retryMs.longest, retryMs.first * 2 ** Math.min(following.failures, 16)) * (0.75 + 0.25 * random());
      following.failures += 1;
      this.#schedule.set(`again ${key}`, time.look() + Math.max(waitMs, error.retryAfterMs ?? 0), () => void this.#refresh(key));
    }
  }

  #failed(key: string, error: unknown): void {
    const provider = key.slice(0, key.indexOf("://"));
    const { kind } = this.#environment.provider(provider);
    this.#environment.emit({
      type: "watch-failed",
      reference: key,
      error: namedError(error, { provider, reference: key }, kind),
    });
  }

  #start(target: Target, whole: Secret): Following {
    const { key, pathKey, locator } = target;
    const { emit, isLeased, overdue, overlapMs, time } = this.#environment;
    const ending = new AbortController();
    const stop = () => {
      ending.abort();
      this.#following.delete(key);
      for (const what of ["again", "overlap"]) this.#schedule.delete(`${what} ${key}`);
    };
    const followed = new Followed(whole, {
      onEmpty: stop,
      isLeased,
      overdue: (secret) => overdue(key, secret),
      onChanged: (version) => {
        this.#schedule.set(`overlap ${key}`, time.look() + overlapMs, () => followed.forgetPrevious());
        emit({ type: "changed", reference: key, version });
      },
      onListenerFailed: () => emit({ type: "listener-failed", reference: key }),
    });
    const following = { followed, pathKey, failures: 0 };
    this.#following.set(key, following);
    // One exact version never changes.
    if (locator.version === undefined) this.#follow(target, followed, ending.signal);
    return following;
  }

  #follow(target: Target, followed: Followed, signal: AbortSignal): void {
    const { key, pathKey, locator, provider: name } = target;
    const { clock, drop, emit, isLent, refresh, ttlMs } = this.#environment;
    const provider = this.#environment.provider(name);
    const source = {
      signal,
      version: () => followed.version,
      refresh: () => refresh(key),
      // A value that is known to have been replaced must not be served to anybody else meanwhile.
      onChanged: () => drop(pathKey),
      onRemoved: () => {
        drop(pathKey);
        emit({ type: "changed", reference: key, version: undefined });
      },
      onFailed: (error: unknown) => this.#failed(key, error),
    };
    const watch = provider.watch?.bind(provider);
    // What is lent is replaced by its lease.
    if (watch === undefined && isLent(key)) return;
    if (watch === undefined) {
      const everyMs = Math.max(ttlMs(key), shortestPollMs);
      this.#probes.add({ ...source, target, everyMs, isKeptNew: () => isLent(key) });
    } else {
      const changes = (ends: AbortSignal) => watch(locator, { signal: ends, deadlineAt: Number.POSITIVE_INFINITY, clock });
      void watchBackend({ ...source, clock, changes });
    }
  }
}
