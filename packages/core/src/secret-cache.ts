import { LRUCache } from "lru-cache";
import { namedError } from "./client-errors.ts";
import { type ErrorCode, isSecretsError, type SecretsError } from "./errors.ts";
import { type Freshness, type HeldState, jittered, refreshAheadAt, stateAt } from "./freshness.ts";
import type { HotTime } from "./hot-time.ts";
import type { Secret } from "./secret.ts";
import type { Target } from "./target.ts";

export interface CacheSettings extends Freshness {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** How long an absence or a refusal is remembered. */
  readonly negativeMs: number;
  /** Freshness of what lies under a prefix of references; the longest prefix counts. */
  readonly overrides: readonly (readonly [prefix: string, freshness: Freshness])[];
}

/** One held secret, whole. Times are `HotTime.elapsed`. There may be a great many: what few of them need stands apart. */
export interface Held {
  readonly secret: Secret;
  /** What was agreed for it, shared with others. */
  readonly freshness: Freshness;
  /** How long it is fresh itself. */
  readonly freshMs: number;
  /** In whole milliseconds, which take no memory of their own in an object. */
  readonly readAt: number;
  /** Until then it serves without another look: it is fresh, not yet due, and was marked as used within the last second. */
  nextLookAt: number;
  rare: Rare | undefined;
}

interface Rare {
  /** While it cannot be read again: how often reading it again failed, and when to try next. */
  failures: number;
  retryAt: number;
  /** The fields that were asked for. */
  readonly fields: Map<string, Secret>;
}

/** How exact the order is in which entries are evicted. Marking each use would cost more than finding the entry. */
const usedEveryMs = 1_000;
const retry = { firstMs: 1_000, longestMs: 60_000, longestAskedMs: 300_000 };
const mostRefusals = 1_000;

/** After these the held value is gone: the backend answered, and said no. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["not-found", "permission-denied", "unauthenticated"]);
/** With these the backend did not answer, so what is held may go on serving. */
const outages = ["unavailable", "timeout", "rate-limited"] as const;

export const isOutage = (error: unknown): boolean => isSecretsError(error, ...outages);
export const isRefusal = (error: SecretsError): boolean => refusals.has(error.code);

/**
 * What is held between reads, bounded in entries and bytes.
 *
 * It holds `Secret`s and never records: lru-cache as it is published for Node tells its values on a diagnostics channel.
 */
export class SecretCache {
  readonly #settings: CacheSettings;
  readonly #time: HotTime;
  readonly #random: () => number;
  readonly #entries: LRUCache<string, Held>;
  /** Made at the first refusal: what a thousand may need is more than a start that meets none should pay. */
  #refusals: LRUCache<string, { readonly error: SecretsError; readonly until: number }> | undefined;
  /** The keys of versions and stages held under a path, so that a write drops them all. */
  readonly #siblings = new Map<string, Set<string>>();

  constructor(settings: CacheSettings, time: HotTime, random: () => number) {
    this.#settings = settings;
    this.#time = time;
    this.#random = random;
    this.#entries = new LRUCache({
      max: settings.maxEntries,
      maxSize: settings.maxBytes,
      dispose: (_held, key) => this.#forget(key),
    });
  }

  /** What is held and need not be read again yet: the shortest way to it. */
  fresh(key: string): Held | undefined {
    const held = this.#entries.peek(key);
    if (held === undefined) return undefined;
    const now = this.#time.glance();
    if (now < held.nextLookAt) return held;
    const dueAt = held.readAt + held.freshMs * refreshAheadAt;
    if (now >= dueAt) return undefined;
    held.nextLookAt = Math.floor(Math.min(now + usedEveryMs, dueAt));
    return this.#entries.get(key);
  }

  /** What is held, unless it is over. */
  find(key: string): Held | undefined {
    const held = this.#entries.get(key);
    if (held === undefined) return undefined;
    this.#time.look();
    if (this.stateOf(held) === "over") {
      this.#entries.delete(key);
      return undefined;
    }
    return held;
  }

  /** As of the last look at the clocks, as all that follows a `find`: one look a decision. */
  ageMs(held: Held): number {
    return this.#time.elapsed - held.readAt;
  }

  stateOf(held: Held): HeldState {
    return stateAt(this.ageMs(held), held.freshMs, held.freshness);
  }

  /** Whether it is too early to ask a backend again that was down a moment ago. */
  isResting(held: Held): boolean {
    return held.rare !== undefined && this.#time.elapsed < held.rare.retryAt;
  }

  /** The refusal that a key met a moment ago. */
  refusal(key: string): SecretsError | undefined {
    const refusal = this.#refusals?.get(key);
    if (refusal === undefined) return undefined;
    if (this.#time.look() < refusal.until) return refusal.error;
    this.#refusals?.delete(key);
    return undefined;
  }

  /** Holds a secret that was read. One larger than the bound is not held. */
  set(target: Target, secret: Secret, size: number): void {
    const readAt = Math.floor(this.#time.look());
    const freshness = this.freshness(target.key);
    const freshMs = jittered(freshness.ttlMs, this.#random);
    const held: Held = { secret, freshness, freshMs, readAt, nextLookAt: 0, rare: undefined };
    this.#hold(target, held, size);
  }

  /** Holds what was read before, maybe by another process, after the backend failed with `error`. */
  restore(target: Target, secret: Secret, size: number, ageMs: number, freshness: Freshness, error: SecretsError): Held {
    const readAt = Math.floor(this.#time.look() - ageMs);
    const held: Held = { secret, freshness, freshMs: freshness.ttlMs, readAt, nextLookAt: 0, rare: undefined };
    this.#hold(target, held, size);
    this.failed(target.key, error);
    return held;
  }

  #hold({ key, pathKey }: Target, held: Held, size: number): void {
    this.#refusals?.delete(key);
    this.#entries.set(key, held, { size: Math.max(1, size + key.length * 2) });
    if (key === pathKey || !this.#entries.has(key)) return;
    const siblings = this.#siblings.get(pathKey);
    if (siblings) siblings.add(key);
    else this.#siblings.set(pathKey, new Set([key]));
  }

  /** A read failed: a refusal ends what is held and is remembered; otherwise what is held rests before the next try. */
  failed(key: string, error: SecretsError): void {
    const now = this.#time.look();
    if (isRefusal(error)) {
      this.#entries.delete(key);
      if (this.#settings.negativeMs === 0) return;
      this.#refusals ??= new LRUCache({ max: mostRefusals });
      this.#refusals.set(key, { error, until: now + this.#settings.negativeMs });
      return;
    }
    const held = this.#entries.peek(key);
    if (held === undefined) return;
    const rare = rareOf(held);
    rare.failures += 1;
    const backoffMs = Math.min(retry.longestMs, retry.firstMs * 2 ** Math.min(rare.failures - 1, 10));
    // A backend that asks to be left alone for a day is asked again all the same: it may be back in a minute.
    const askedMs = Math.min(error.retryAfterMs ?? 0, retry.longestAskedMs);
    const retryAt = now + Math.max(askedMs, backoffMs * (0.5 + this.#random() / 2));
    // Only an outage lets a value serve beyond its freshness.
    rare.retryAt = isOutage(error) ? retryAt : Math.min(retryAt, held.readAt + held.freshMs);
  }

  drop(key: string): void {
    this.#entries.delete(key);
    this.#refusals?.delete(key);
  }

  /** Drops every version and stage of a path. */
  dropPath(pathKey: string): void {
    this.drop(pathKey);
    for (const key of [...(this.#siblings.get(pathKey) ?? [])]) this.drop(key);
    for (const key of [...(this.#refusals?.keys() ?? [])]) if (key.startsWith(`${pathKey}?`)) this.#refusals?.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#refusals?.clear();
    this.#siblings.clear();
  }

  /** How many entries, and bytes of values, are held. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#entries.calculatedSize };
  }

  /** How long what is read for a key serves. */
  freshness(key: string): Freshness {
    let best: readonly [string, Freshness] | undefined;
    for (const override of this.#settings.overrides) {
      if (key.startsWith(override[0]) && override[0].length >= (best?.[0].length ?? 0)) best = override;
    }
    return best ? best[1] : this.#settings;
  }

  #forget(key: string): void {
    const mark = key.indexOf("?");
    if (mark === -1) return;
    const pathKey = key.slice(0, mark);
    const siblings = this.#siblings.get(pathKey);
    siblings?.delete(key);
    if (siblings?.size === 0) this.#siblings.delete(pathKey);
  }
}

function rareOf(held: Held): Rare {
  held.rare ??= { failures: 0, retryAt: 0, fields: new Map() };
  return held.rare;
}

/** The part of a held secret that a reference names; parsed once. @throws SecretsError `not-found` or `decode`. */
export function heldField(held: Held, target: Target): Secret {
  const { field } = target;
  if (field === undefined) return held.secret;
  const known = held.rare?.fields.get(field);
  if (known) return known;
  const found = fieldOf(held.secret, target);
  rareOf(held).fields.set(field, found);
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
