import type { ChangeEvent } from "./change-event.ts";
import type { Clock } from "./clock.ts";
import type { Content } from "./content.ts";
import type { SecretsError } from "./errors.ts";

/** Where a value lies in one backend: a reference without provider and field, decoded. */
export interface Locator {
  readonly path: string;
  readonly version?: string;
  readonly stage?: string;
}

/** What the client hands to every driver call. */
export interface CallContext {
  /** Aborted when the deadline passes, when the last caller has gone and when the client closes. */
  readonly signal: AbortSignal;
  /** When the call ends at the latest, on `clock.monotonic()`. `remainingMs(context)` is what is left. */
  readonly deadlineAt: number;
  readonly clock: Clock;
}

/** Milliseconds left until the deadline of this call, never below 0: for a request's own timeout. */
export function remainingMs(context: CallContext): number {
  return Math.max(0, context.deadlineAt - context.clock.monotonic());
}

/** A right to use a value for a while. `durationMs` counts from when the record was received. */
export interface Lease {
  readonly id: string;
  readonly durationMs: number;
  readonly renewable: boolean;
}

/** What a driver's `read` gives. */
export interface SecretRecord {
  readonly content: Content;
  /** Opaque, always there, different for different content. Where the backend has none: `contentVersion(content)`. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly createdAt?: number;
  /** Milliseconds since 1970; what the backend says, not enforced here. */
  readonly expiresAt?: number;
  readonly lease?: Lease;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface WriteOptions {
  /** Write only if this is the current version; `null`: only if there is no secret yet. Otherwise `conflict`. */
  readonly ifVersion?: string | null;
  /** The same key with the same content writes once, however often it is sent. */
  readonly idempotencyKey?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RemoveOptions {
  /** Remove only if this is the current version. Otherwise `conflict`. */
  readonly ifVersion?: string;
}

export interface ListQuery {
  /** Only paths that start with this. `""` lists all. */
  readonly prefix: string;
  /** `next` of the page before. */
  readonly cursor?: string;
}

/** One page of a list. No `next`: it was the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** A secret as a list shows it: never a value. */
export interface SecretSummary {
  readonly path: string;
  readonly version?: string;
  readonly createdAt?: number;
  readonly updatedAt?: number;
  readonly expiresAt?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** `deleted` can be brought back, `destroyed` cannot. */
export type VersionState = "enabled" | "disabled" | "deleted" | "destroyed";

/** A version as a list shows it: never a value. */
export interface VersionSummary {
  readonly version: string;
  readonly state: VersionState;
  readonly createdAt?: number;
  readonly expiresAt?: number;
  readonly stages?: readonly string[];
}

/** What `watch` tells: the current version first, then each new one. `version` is undefined when the secret is gone. */
export interface Change {
  readonly version: string | undefined;
}

/** What `check` found out about a backend, for people. No values, no tokens. */
export interface CheckReport {
  /** Who the backend says we are. */
  readonly principal?: string;
  /** The server's clock, milliseconds since 1970, to show a skew. */
  readonly serverTimeAt?: number;
  readonly certificateExpiresAt?: number;
  /** What may be done, where the backend tells: `{ path, actions }`. */
  readonly permissions?: readonly { readonly path: string; readonly actions: readonly string[] }[];
  /** Anything else worth a line. */
  readonly notes?: readonly string[];
}

export interface Features {
  /** Older versions can be read by `?version=`. */
  readonly versions: boolean;
  /** Moving labels can be read by `?stage=`. */
  readonly stages: boolean;
  /** Values may be bytes that are no text. */
  readonly binary: boolean;
  /** Some values are leased. */
  readonly leases: boolean;
  /** The backend holds named fields, so `put` takes an object and a string is refused. Default: false. */
  readonly fields?: boolean;
  /** `write` and `remove` honour `ifVersion`, excluded by the backend itself. Default: false. */
  readonly compareAndSet?: boolean;
  /**
   * Reads of one turn are given to `readMany` together. For backends whose batch costs no more than the reads, in requests, quota
   * and permissions. Default: false.
   */
  readonly joinReads?: boolean;
  /**
   * How often one client asks for versions that nobody reads just now, calls a second: a small share of what the backend lets one
   * caller have, as other processes ask too. Default: 10.
   */
  readonly probesPerSecond?: number;
}

/**
 * Where a version of a secret waits to become current, in a backend that has a stage for it (AWS's AWSPENDING). A rotation elsewhere
 * keeps what is pending under a name beside the secret's own.
 */
export interface PendingStage {
  /** The stage's name in references. */
  readonly stage: string;
  /** The versions at these stages now, in one call. @throws SecretsError `not-found` where nothing is current. */
  state(
    path: string,
    context: CallContext,
  ): Promise<{ readonly current: string; readonly pending?: string; readonly previous?: string }>;
  /** Adds the pending version under this id. The same id with another content: `conflict`. */
  add(path: string, content: Content, id: string, context: CallContext): Promise<void>;
  /** Makes `to` the current version if `from` is. Otherwise `conflict`. */
  promote(path: string, versions: { readonly from: string; readonly to: string }, context: CallContext): Promise<void>;
  /** Takes the mark off `version`, if it has it. */
  clear(path: string, version: string, context: CallContext): Promise<void>;
}

/**
 * A driver: what an adapter's author writes. The client owns caching, retries, deadlines, redaction and decoding.
 *
 * A driver keeps no cache, does no retry, decodes nothing, logs nothing. It passes `signal` and the deadline on, throws
 * `SecretsError` only, never returns null, and swallows no error. An optional method that is missing is `unsupported`.
 */
export interface Provider {
  /** The backend in one word, for errors and logs. The name in references is given by `createSecrets`. */
  readonly kind: string;
  readonly features: Features;
  /** Only for backends with a stage for what is pending. */
  readonly pending?: PendingStage;
  /** The one spelling of a path whose spellings name one secret, as where case does not count: so that it is held once. */
  canonicalPath?(path: string): string;
  /** @throws SecretsError `not-found` for a missing secret, version or stage. An empty value is legal. */
  read(locator: Locator, context: CallContext): Promise<SecretRecord>;
  /**
   * Many in one call: an outcome for each locator, in order. Where it rejects with `permission-denied`, `rate-limited` or
   * `unsupported`, the client reads one by one, and does not come back to it for a while.
   */
  readMany?(locators: readonly Locator[], context: CallContext): Promise<readonly (SecretRecord | SecretsError)[]>;
  /** The current version, cheaper than `read`. */
  probe?(locator: Locator, context: CallContext): Promise<{ readonly version: string }>;
  /** Creates the secret or adds a version, and gives its version. */
  write?(locator: Locator, content: Content, options: WriteOptions, context: CallContext): Promise<{ readonly version: string }>;
  /** Removes the secret, or the one version that the locator names. @throws SecretsError `not-found`. */
  remove?(locator: Locator, options: RemoveOptions, context: CallContext): Promise<void>;
  list?(query: ListQuery, context: CallContext): Promise<Page<SecretSummary>>;
  /** Newest first. @throws SecretsError `not-found` for a missing secret. */
  versions?(path: string, query: { readonly cursor?: string }, context: CallContext): Promise<Page<VersionSummary>>;
  /** Runs until the signal: the current version first, then each change. The deadline does not apply. */
  watch?(locator: Locator, context: CallContext): AsyncIterable<Change>;
  /**
   * The paths whose current value an event says may have changed, each as references may spell it; `[]` for an event of the backend
   * that is about something else, undefined for an event of somebody else's. It asks nobody, throws nothing whatever the event holds,
   * and gives no path of another account, vault or project than its own.
   */
  changedPaths?(event: ChangeEvent): readonly string[] | undefined;
  /** @throws SecretsError `not-found` when the lease is gone. */
  renew?(lease: Lease, context: CallContext): Promise<Lease>;
  revoke?(lease: Lease, context: CallContext): Promise<void>;
  /** For people: reachable, signed in as whom, may do what. */
  check?(context: CallContext): Promise<CheckReport>;
  /** Ends connections and timers. Never rejects for having been called twice. */
  close?(): Promise<void>;
}
