import { namedError } from "./client-errors.ts";
import { SecretsError } from "./errors.ts";
import { durationOf, type KeptLease, keptLease, type LapseReason } from "./kept-lease.ts";
import { type AttemptsEnvironment, type Granted, LeaseAttempts } from "./lease-attempts.ts";
import { LeaseRevoker, type Revocable, type RevokerEnvironment } from "./lease-revoker.ts";
import { attemptEveryMs, isEnding, renewAfterMs, renewalPauseMs, replaceAfterMs } from "./lease-rules.ts";
import type { Lease } from "./provider.ts";
import { Schedule } from "./schedule.ts";
import type { Secret } from "./secret.ts";
import { type Held, isOutage } from "./secret-cache.ts";
import type { Target } from "./target.ts";

export interface LeaseEnvironment extends AttemptsEnvironment, Omit<RevokerEnvironment, "schedule"> {
  readonly random: () => number;
  /** How long a lease that was replaced goes on, so that what uses it can move. */
  readonly overlapMs: number;
  /** Whether a handle is open for a key. */
  isFollowed(key: string): boolean;
}

/**
 * Secrets that the backend lends for a while, one lease for each key. Each is renewed after two thirds of what remains, and read anew
 * where it cannot be renewed, for as long as it is wanted: a handle is open, or it was read within the length of its lease.
 * None is ever served past its end.
 */
export class LeaseKeeper {
  readonly #environment: LeaseEnvironment;
  readonly #schedule: Schedule;
  readonly #revoker: LeaseRevoker;
  readonly #kept = new Map<string, KeptLease>();
  /** The lease of each secret that anybody may still have. */
  readonly #leases = new WeakMap<Secret, { readonly endsAt: number }>();
  readonly #attempts: LeaseAttempts;

  constructor(environment: LeaseEnvironment) {
    this.#environment = environment;
    this.#schedule = new Schedule(environment.clock, environment.time);
    this.#attempts = new LeaseAttempts(environment);
    this.#revoker = new LeaseRevoker({ ...environment, schedule: this.#schedule });
  }

  /** How many leases are held. */
  get size(): number {
    return this.#kept.size;
  }

  has(key: string): boolean {
    return this.#kept.has(key);
  }

  /** What was read last under a lease that is known, without a wish that it go on. */
  secret(key: string): Secret | undefined {
    return this.#kept.get(key)?.held.secret;
  }

  /** What is held under a lease that lasts. Who asks for it wants it to go on. */
  find(key: string): Held | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const now = this.#environment.time.look();
    if (now >= kept.endsAt) {
      this.#due(kept);
      return undefined;
    }
    kept.usedAt = now;
    if (kept.isIdle) this.#plan(kept, now);
    return kept.held;
  }

  /** When the lease ends, or ended while a handle is open, in milliseconds since 1970. */
  lapsesAt(key: string): number | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const { time } = this.#environment;
    return kept.endsAt - time.look() + time.wall;
  }

  /** Whether a secret was read under a lease, which may end under it. */
  isLeased(secret: Secret): boolean {
    return this.#leases.has(secret);
  }

  /** Why a secret that was read once must not be used any more: its lease is over. */
  overdue(key: string, secret: Secret): SecretsError | undefined {
    const lease = this.#leases.get(secret);
    if (lease === undefined || this.#environment.time.look() < lease.endsAt) return undefined;
    const kept = this.#kept.get(key);
    if (kept !== undefined) this.#due(kept);
    return new SecretsError(kept?.error?.code ?? "unavailable", "the lease of this secret is over and not replaced yet", {
      reference: key,
      provider: key.slice(0, key.indexOf("://")),
      retryable: true,
      hint: "It is read anew as soon as the backend gives it. The event `lapsed` says why it ended.",
    });
  }

  /** A secret was read under a lease that began at `startedAt`. What was held before is revoked after `overlapMs`. */
  hold(target: Target, secret: Secret, lease: Lease, startedAt: number): void {
    const { isFollowed, random, time } = this.#environment;
    const { key } = target;
    const before = this.#kept.get(key);
    const now = time.look();
    const kept = keptLease(target, secret, lease, startedAt, before);
    if (!this.#isRenewable(target, lease)) kept.isEnding = true;
    this.#leases.set(secret, kept);
    this.#revoker.keep(kept);
    if (before !== undefined) this.#forget(before);
    if (before !== undefined && before.lease.id !== lease.id) this.#giveBack(before);
    if (kept.endsAt > now) {
      this.#kept.set(key, kept);
      this.#plan(kept, startedAt + renewAfterMs(kept.wholeMs, random));
    } else if (isFollowed(key)) {
      // One that lasts for no time must not be read again and again.
      kept.failures = (before?.failures ?? 0) + 1;
      kept.attemptedAt = now;
      this.#kept.set(key, kept);
      this.#lapse(kept, "expired", before?.isOver);
    }
  }

  /** A secret was read for those who asked, and is not to be held: it may be older than a write. */
  pass(target: Target, secret: Secret, lease: Lease, startedAt: number): void {
    const passed = { target, lease, endsAt: startedAt + durationOf(lease) };
    this.#leases.set(secret, passed);
    this.#giveBack(passed);
  }

  /** What is held for a key serves no more. */
  drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#forget(kept);
    this.#giveBack(kept);
  }

  /** What is held under a path, of any version or stage, serves no more. */
  dropPath(pathKey: string): void {
    for (const { target } of [...this.#kept.values()]) if (target.pathKey === pathKey) this.drop(target.key);
  }

  /** Ends when nothing is being read anew, or after `limitMs`: a lease that is on its way could not be revoked. */
  settled(limitMs: number): Promise<void> {
    return this.#attempts.settled(limitMs);
  }

  get isReading(): boolean {
    return this.#attempts.isReading;
  }

  /** Revokes all leases. Never rejects, and ends within `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.#schedule.clear();
    const held = [...this.#kept.values()];
    this.#kept.clear();
    await this.#revoker.close(held, limitMs);
  }

  #isRenewable(target: Target, lease: Lease): boolean {
    return lease.renewable && this.#environment.provider(target.provider).renew !== undefined;
  }

  #giveBack({ target, lease, endsAt }: Revocable): void {
    if (this.#kept.get(target.key)?.lease.id === lease.id) return;
    this.#revoker.later({ target, lease, endsAt }, this.#environment.overlapMs);
  }

  #forget(kept: KeptLease): void {
    const { key } = kept.target;
    if (this.#kept.get(key) !== kept) return;
    this.#kept.delete(key);
    this.#schedule.delete(key);
  }

  /** Has it looked at when it is due next, and at its end. */
  #plan(kept: KeptLease, nextAt: number): void {
    kept.isIdle = false;
    kept.nextAt = Math.max(nextAt, kept.attemptedAt + attemptEveryMs);
    this.#wake(kept);
  }

  #wake(kept: KeptLease): void {
    const nextAt = kept.isWorking || kept.isIdle ? Number.POSITIVE_INFINITY : kept.nextAt;
    const endsAt = kept.isOver ? Number.POSITIVE_INFINITY : kept.endsAt;
    this.#schedule.set(kept.target.key, Math.min(nextAt, endsAt), () => this.#due(kept));
  }

  /** Its time may have come, or somebody saw that it is over. */
  #due(kept: KeptLease): void {
    const { time, isFollowed } = this.#environment;
    const { key } = kept.target;
    if (this.#kept.get(key) !== kept) return;
    const now = time.look();
    if (!kept.isOver && now >= kept.endsAt) {
      const isUnused = kept.isIdle && !isFollowed(key);
      // From here on it is tried as often as one that has just failed.
      kept.failures = Math.min(kept.failures, 1);
      this.#lapse(kept, isUnused ? "unused" : "expired");
    } else if (kept.isWorking || now < kept.nextAt) {
      this.#wake(kept);
    } else if (isFollowed(key) || (!kept.isOver && now - kept.usedAt <= kept.wholeMs)) {
      void this.#attempt(kept);
    } else if (kept.isOver) {
      this.#forget(kept);
    } else {
      kept.isIdle = true;
      this.#wake(kept);
    }
  }

  #lapse(kept: KeptLease, reason: LapseReason, isTold = false): void {
    const { emit, isFollowed, time, random } = this.#environment;
    const { target, error, failures } = kept;
    const now = time.look();
    kept.isOver = true;
    kept.endsAt = Math.min(kept.endsAt, now);
    if (!isFollowed(target.key)) this.#forget(kept);
    else this.#plan(kept, failures > 0 ? now + renewalPauseMs(failures, 0, error?.retryAfterMs, random) : now);
    if (!isTold) emit({ type: "lapsed", reference: target.key, reason, ...(error === undefined ? {} : { failure: error }) });
  }

  async #attempt(kept: KeptLease): Promise<void> {
    const { closing, time, provider } = this.#environment;
    const { key, provider: name } = kept.target;
    // Where only renewing fails, reading anew may do.
    const isAnew = kept.isOver || kept.isEnding || (kept.failures >= 3 && kept.failures % 2 === 1);
    kept.isWorking = true;
    kept.attemptedAt = time.look();
    this.#wake(kept);
    let granted: Granted | undefined;
    let error: SecretsError | undefined;
    try {
      if (isAnew) await this.#attempts.readAnew(kept);
      else granted = await this.#attempts.renew(kept);
    } catch (thrown) {
      error = namedError(thrown, kept.target, provider(name).kind);
    }
    kept.isWorking = false;
    if (granted !== undefined) return this.#renewed(kept, granted);
    if (closing.aborted || this.#kept.get(key) !== kept) return;
    if (error !== undefined) this.#failed(kept, error, isAnew);
    // It waited for too long, or what was read was dropped on its way.
    else this.#plan(kept, time.look());
  }

  #renewed(kept: KeptLease, { lease, startedAt }: Granted): void {
    const { overlapMs, random, time } = this.#environment;
    const grantedMs = durationOf(lease);
    kept.lease = lease;
    kept.endsAt = startedAt + grantedMs;
    // Replaced meanwhile, or given up.
    if (this.#kept.get(kept.target.key) !== kept) {
      this.#giveBack(kept);
      return;
    }
    kept.isOver &&= kept.endsAt <= time.look();
    kept.isEnding = !this.#isRenewable(kept.target, lease) || isEnding(grantedMs, kept.wholeMs);
    kept.wholeMs = Math.max(kept.wholeMs, grantedMs);
    kept.failures = 0;
    kept.error = undefined;
    this.#plan(
      kept,
      startedAt + (kept.isEnding ? replaceAfterMs(grantedMs, overlapMs, random) : renewAfterMs(grantedMs, random)),
    );
  }

  #failed(kept: KeptLease, error: SecretsError, isAnew: boolean): void {
    const { emit, random, time } = this.#environment;
    kept.failures += 1;
    kept.error = error;
    emit({ type: "renewal-failed", reference: kept.target.key, error });
    if (!isAnew && !kept.isOver && error.code === "not-found") {
      kept.failures = 0;
      this.#lapse(kept, "revoked");
      return;
    }
    // Refused, and not for want of an answer: it will not be renewed.
    if (!isAnew && !isOutage(error)) kept.isEnding = true;
    const now = time.look();
    this.#plan(kept, now + renewalPauseMs(kept.failures, kept.isOver ? 0 : kept.endsAt - now, error.retryAfterMs, random));
  }
}
