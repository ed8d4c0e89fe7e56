import type { Notified } from "./change-event.ts";
import type { CheckReport, SecretSummary, VersionSummary } from "./provider.ts";
import type { BackendRotator, RotateOptions, Rotation, Rotator } from "./rotator.ts";
import type { Secret } from "./secret.ts";
import type { Stats } from "./stats.ts";
import type { CheckedReference, CheckedReferences, Found, ReferenceTo, SecretsFor } from "./typed-references.ts";

export interface CallOptions {
  /** Ends this caller's wait, and no other's, with `aborted`. */
  readonly signal?: AbortSignal;
  /** How long this call may take, in milliseconds. Default: the client's `deadlineMs`, 10,000. */
  readonly deadlineMs?: number;
}

export interface GetOptions extends CallOptions {
  /** A secret or field that is not there gives `undefined`. Any other failure still throws. */
  readonly optional?: boolean;
  /** Only a held value that is younger than this, in milliseconds, serves. */
  readonly maxAgeMs?: number;
  /** Reads from the backend whatever is held. */
  readonly fresh?: boolean;
  /** Filled with how this call was served. */
  readonly status?: ReadStatus;
}

/** How one `get` was served. */
export interface ReadStatus {
  /**
   * `hit`: held; `refreshed`: held, and read again meanwhile; `miss`: read; `stale`: held, and the backend is down; `snapshot`: the
   * last known good from disk, and the backend is down.
   */
  outcome?: "hit" | "refreshed" | "miss" | "stale" | "snapshot";
  /** How old the value is, in milliseconds. */
  ageMs?: number;
  /** How long the backend was waited for, in milliseconds; undefined where it was not. */
  upstreamMs?: number;
}

export interface GetManyOptions extends Omit<GetOptions, "status"> {
  /** Each failure stands as a `SecretsError` in the place of its value, and the call does not throw. */
  readonly settle?: boolean;
}

export interface PutOptions extends CallOptions {
  /** Write only if this is the current version; `null`: only if there is none. Otherwise `conflict`. */
  readonly ifVersion?: string | null;
  readonly idempotencyKey?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RemoveCallOptions extends CallOptions {
  readonly ifVersion?: string;
}

export interface UseOptions extends CallOptions {
  /** Whether an error of `fn` means that the backend refused the credential. The default is `isAuthenticationError`. */
  readonly isAuthError?: (error: unknown) => boolean;
}

/** Calls `listener` with the new secret and the one before. */
export type ChangeListener<T> = (current: T, previous: T) => void;

/** A secret that stays the newest. */
export interface Handle {
  /** The newest secret that was seen. @throws SecretsError `closed` after `close`. */
  readonly current: Secret;
  /** What `current` replaced, until the client's `overlapMs` is over: for what still uses it. Undefined otherwise. */
  readonly previous: Secret | undefined;
  /** The version of `current`; it follows silently when content stays equal. */
  readonly version: string | undefined;
  /**
   * Called when the content changes, once for each change and in their order, with all handles of the secret changed before. It is
   * not waited for: what a listener throws, or its promise rejects with, is the event `listener-failed`. Returns what ends it.
   */
  onChange(listener: ChangeListener<Secret>): () => void;
  /** Stops following. Idempotent. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A secret in a list, with the reference that reads it. */
export interface ListedSecret extends SecretSummary {
  readonly reference: string;
}

/**
 * What `createSecrets` gives. `N` is the union of the providers' names.
 *
 * Every method that fails rejects with a `SecretsError`; `docs/errors.md` says what each code asks of you. Whatever takes a
 * reference rejects with `invalid-argument` when it is malformed or names no provider, and with `closed` after `close`.
 */
export interface Secrets<in N extends string = never> {
  /** Reads one secret, from the cache while it is fresh. */
  get<const R extends string, const O extends GetOptions = {}>(
    reference: CheckedReference<R, N> | ReferenceTo<N>,
    options?: O,
  ): Promise<Found<O>>;
  /**
   * Reads many at once: an array or record in, the same shape out. However many fields refer to one secret, it is read once.
   * Several failures together are one error whose `errors` lists them; with `{ settle: true }` each stands in its place.
   */
  getMany<const R extends readonly string[] | Readonly<Record<string, string>>, const O extends GetManyOptions = {}>(
    references: CheckedReferences<R, N>,
    options?: O,
  ): Promise<SecretsFor<R, O>>;
  /**
   * What `get` would give without waiting for the backend, or undefined.
   * @throws SecretsError for a malformed reference, `closed` after `close`, and `not-found` where a held secret has no such field.
   */
  peek<const R extends string>(reference: CheckedReference<R, N> | ReferenceTo<N>): Secret | undefined;
  /** Starts reading, for later `get`s. Returns at once and never throws for a failed read. */
  warm<const R extends readonly string[]>(references: CheckedReferences<R, N>): void;
  /** Reads a secret and follows its changes until `close`. */
  handle<const R extends string>(reference: CheckedReference<R, N> | ReferenceTo<N>, options?: CallOptions): Promise<Handle>;
  /**
   * Runs `fn` with the secret. When `fn` fails with an authentication error, drops what is held if it is still the version that
   * failed, reads once more, and runs `fn` once more: **`fn` may run twice**. If the backend gives the same version again, the
   * error passes, and that secret is not read again by force for 5 s. While a rotation is under way, its pending value is tried too,
   * and `fn` may run up to four times.
   */
  use<T, const R extends string>(
    reference: CheckedReference<R, N> | ReferenceTo<N>,
    fn: (secret: Secret) => T | Promise<T>,
    options?: UseOptions,
  ): Promise<T>;
  /** Writes a string, bytes, or an object: as fields where the backend has them, otherwise as JSON. */
  put<const R extends string>(
    reference: CheckedReference<R, N> | ReferenceTo<N>,
    value: string | Uint8Array | Secret | Readonly<Record<string, unknown>>,
    options?: PutOptions,
  ): Promise<{ readonly version: string }>;
  /** Removes the secret, or the one version that the reference names. */
  remove<const R extends string>(reference: CheckedReference<R, N> | ReferenceTo<N>, options?: RemoveCallOptions): Promise<void>;
  /** Lists what lies under a prefix such as `aws://prod/` or `local://`: names, versions, ages, never values. */
  list<const R extends string>(
    prefix: CheckedReference<R, N> | ReferenceTo<N>,
    options?: CallOptions,
  ): AsyncIterable<ListedSecret>;
  /** Lists the versions of one secret, newest first. */
  versions<const R extends string>(
    reference: CheckedReference<R, N> | ReferenceTo<N>,
    options?: CallOptions,
  ): AsyncIterable<VersionSummary>;
  /** Gives the secret as it is now, then each time its content changes, until the signal or `close`. */
  watch<const R extends string>(
    reference: CheckedReference<R, N> | ReferenceTo<N>,
    options?: { readonly signal?: AbortSignal },
  ): AsyncIterable<Secret>;
  /**
   * Replaces a credential: makes a new value, keeps it as the pending one, has it accepted, proves that it works, and makes it the
   * current one. A rotation that ended early, however it did, is gone on with by the next call; at most one value is pending; two
   * rotations at once are kept apart by the backend's own comparison of versions. Rotators are in `@keyhold/rotation`.
   * `docs/rotation.md` says what holds at each moment, and on which feature of which backend it rests.
   *
   * Rejects with `unsupported` where the backend compares nothing and no coordinator is named, `not-found` where there is nothing to
   * replace, `conflict` where somebody else changed the secret meanwhile, `timeout` after `deadlineMs` (60,000), and with whatever the
   * rotator says.
   */
  rotate<const R extends string>(
    reference: CheckedReference<R, N> | ReferenceTo<N>,
    rotator: Rotator | BackendRotator,
    options?: RotateOptions,
  ): Promise<Rotation>;
  /** Reads anew, past what is held, and tells the handles. In an outage, what is held goes on serving as before. */
  refresh<const R extends string>(reference: CheckedReference<R, N> | ReferenceTo<N>, options?: CallOptions): Promise<Secret>;
  /**
   * Takes an event that says that secrets changed, as it was received: of EventBridge, Event Grid (one or many, also as CloudEvents)
   * or Pub/Sub (pushed or pulled), a CloudEvent 1.0 with `data.reference`, or `{ reference }`; parsed, or as JSON text or bytes.
   * Drops what is held of them, and reads those with an open handle. It ends when they are read: a read that failed is told by the
   * event `watch-failed` and tried again. An event about nothing of this client's changes nothing.
   *
   * Whoever may call it makes this client read; it learns nothing. Check the sender first: `@keyhold/core/webhook` does.
   * Rejects with `invalid-argument` for what is no such event, and then does nothing.
   */
  notify(event: unknown): Promise<Notified>;
  /** Asks one provider, by its name: reachable, signed in as whom, may do what. `keyhold doctor` prints it. */
  check(provider: N, options?: CallOptions): Promise<CheckReport>;
  /** When the lease behind a held value ends, in milliseconds since 1970; undefined where there is no lease, or nothing held. */
  lapsesAt<const R extends string>(reference: CheckedReference<R, N> | ReferenceTo<N>): number | undefined;
  /** Counts since the client was made, and what is held now. */
  stats(): Stats;
  /** Ends watches and timers, aborts what is under way, closes the providers. Never rejects, and ends by its deadline. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
