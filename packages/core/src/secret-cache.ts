import { LRUCache } from "lru-cache";
import { namedError } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import type { Secret } from "./secret.ts";
import type { Target } from "./target.ts";

export interface CacheLimits {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** One held secret, whole, and the fields of it that were asked for. */
export interface Held {
  readonly key: string;
  readonly pathKey: string;
  readonly secret: Secret;
  readonly freshMs: number;
  readonly readAt: number;
  readonly readAtMonotonic: number;
  fields: Map<string, Secret> | undefined;
}

/**
 * What is held between reads, bounded in entries and bytes.
 *
 * It holds `Secret`s and never records: lru-cache publishes its values on a diagnostics channel. Age is by the wall clock or the
 * monotonic clock, whichever says more: a frozen process has a monotonic clock that stood still.
 */
export class SecretCache {
  readonly #limits: CacheLimits;
  readonly #clock: Clock;
  readonly #entries: LRUCache<string, Held>;
  /** The keys held under one path, so that a write drops every version and stage of it. */
  readonly #byPath = new Map<string, Set<string>>();

  constructor(limits: CacheLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#entries = new LRUCache({
      max: limits.maxEntries,
      maxSize: limits.maxBytes,
      dispose: (held, key, reason) => {
        if (reason !== "set") this.#forget(held.pathKey, key);
      },
    });
  }

  /** What is held and fresh. */
  get(key: string): Held | undefined {
    const held = this.#entries.get(key);
    if (held === undefined || this.#isFresh(held)) return held;
    this.#entries.delete(key);
    return undefined;
  }

  /** Holds a secret for as long as it is fresh. One larger than the bound is not held. */
  set(target: Target, secret: Secret, size: number, freshMs: number = this.#limits.ttlMs): void {
    const { key, pathKey } = target;
    const { now, monotonic } = { now: this.#clock.now(), monotonic: this.#clock.monotonic() };
    const held: Held = { key, pathKey, secret, freshMs, readAt: now, readAtMonotonic: monotonic, fields: undefined };
    this.#entries.set(key, held, { size: Math.max(1, size + key.length * 2) });
    // lru-cache refuses an entry over maxSize, and disposes of the one before as if it had been replaced.
    if (!this.#entries.has(key)) {
      this.#forget(pathKey, key);
      return;
    }
    const keys = this.#byPath.get(pathKey);
    if (keys) keys.add(key);
    else this.#byPath.set(pathKey, new Set([key]));
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  /** Drops every version and stage of a path. */
  dropPath(pathKey: string): void {
    for (const key of [...(this.#byPath.get(pathKey) ?? [])]) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  #isFresh(held: Held): boolean {
    return this.#clock.monotonic() - held.readAtMonotonic < held.freshMs && this.#clock.now() - held.readAt < held.freshMs;
  }

  #forget(pathKey: string, key: string): void {
    const keys = this.#byPath.get(pathKey);
    keys?.delete(key);
    if (keys?.size === 0) this.#byPath.delete(pathKey);
  }
}

/** The part of a held secret that a reference names; parsed once. @throws SecretsError `not-found` or `decode`. */
export function heldField(held: Held, target: Target): Secret {
  const { field } = target;
  if (field === undefined) return held.secret;
  const known = held.fields?.get(field);
  if (known) return known;
  const found = fieldOf(held.secret, target);
  held.fields ??= new Map();
  held.fields.set(field, found);
  return found;
}

/** The part of a secret that a reference names. @throws SecretsError `not-found` or `decode`, naming that reference. */
export function fieldOf(secret: Secret, target: Target): Secret {
  if (target.field === undefined) return secret;
  try {
    return secret.field(target.field);
  } catch (error) {
    throw namedError(error, target, target.provider);
  }
}
