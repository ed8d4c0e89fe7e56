import { type CallContext, type Clock, SecretsError, throwIfEnded } from "@keyhold/core";

/** A credential as its source gives it. */
export interface Issued<T> {
  readonly value: T;
  /** Milliseconds since 1970. Undefined: it lasts until it is rejected. */
  readonly expiresAt?: number | undefined;
  /** From when on a new one is to be made, in milliseconds since 1970. Default: 5 minutes, or a fifth of its life, before its end. */
  readonly refreshAt?: number | undefined;
}

/** One credential, held. */
export interface HeldCredential<T> {
  /** The credential to send now. Each caller waits by its own signal. */
  get(context: CallContext): Promise<T>;
  /**
   * The server refused this credential. True: `get` gives another, so try once more. False: another was made for such a refusal just
   * now, so the refusal stands.
   */
  reject(value: T): boolean;
  /** Forgets the credential and ends what is under way with `closed`. */
  close(): void;
}

interface Held<T> {
  readonly value: T;
  /** How long it lives by either clock: one of them may stand still or jump. */
  readonly endAt: number;
  readonly monotonicEndAt: number;
  /** On the monotonic clock. */
  renewAt: number;
}

interface Flight<T> {
  readonly outcome: Promise<Held<T>>;
  readonly controller: AbortController;
  waiting: number;
}

/** Time for a request on its way, and for clocks that differ a little. */
const spareMs = 10_000;
const renewAheadMs = 5 * 60_000;
/** How long making one may take, and how soon after a failed renewal the next may follow. */
const makingMs = 30_000;
const betweenRefusalsMs = 5_000;

function hold<T>({ value, expiresAt = Number.POSITIVE_INFINITY, refreshAt }: Issued<T>, clock: Clock): Held<T> {
  const [now, monotonic] = [clock.now(), clock.monotonic()];
  const lifeMs = Math.max(0, expiresAt - now);
  const usableMs = lifeMs - Math.min(spareMs, lifeMs / 5);
  const renewInMs = refreshAt === undefined ? lifeMs - Math.min(renewAheadMs, lifeMs / 5) : refreshAt - now;
  return { value, endAt: now + usableMs, monotonicEndAt: monotonic + usableMs, renewAt: monotonic + renewInMs };
}

/**
 * Holds a credential until shortly before it expires, by the wall clock or the monotonic one, whichever says so first. It is made
 * once, however many wait for it; one that will expire soon is renewed while it still serves. When the last who waits has gone, its
 * making ends.
 *
 * @example
 * const held = heldCredential(async (context) => ({ value: await signIn(context), expiresAt }));
 */
export function heldCredential<T>(make: (context: CallContext) => Promise<Issued<T>>): HeldCredential<T> {
  let held: Held<T> | undefined;
  let flight: Flight<T> | undefined;
  let monotonic = (): number => 0;
  let refusedAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  function start(clock: Clock): Flight<T> {
    const controller = new AbortController();
    const { signal } = controller;
    const late = () => controller.abort(new SecretsError("timeout", "signing in took too long"));
    const cancelTimer = clock.setTimer(late, makingMs);
    const outcome = new Promise<Held<T>>((resolve, reject) => {
      // A source that does not listen to its signal must not keep anybody waiting either.
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const context = { signal, deadlineAt: clock.monotonic() + makingMs, clock };
      make(context).then((issued) => resolve(hold(issued, clock)), reject);
    });
    const mine: Flight<T> = { outcome, controller, waiting: 0 };
    flight = mine;
    outcome
      .then((fresh) => {
        if (flight === mine) held = fresh;
      })
      .catch(() => {})
      .finally(() => {
        cancelTimer();
        forget(mine);
      });
    return mine;
  }

  function forget(mine: Flight<T>): void {
    if (flight === mine) flight = undefined;
  }

  async function join(mine: Flight<T>, context: CallContext): Promise<T> {
    const { signal } = context;
    mine.waiting += 1;
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => {
        try {
          throwIfEnded(context);
        } catch (error) {
          reject(error);
        }
      };
      signal.addEventListener("abort", leave, { once: true });
    });
    let isServed = false;
    try {
      const { value } = await Promise.race([mine.outcome, left]);
      isServed = true;
      return value;
    } finally {
      signal.removeEventListener("abort", leave);
      mine.waiting -= 1;
      // There is nothing to end after a success, and an error takes its time to make.
      if (mine.waiting === 0 && !isServed) {
        forget(mine);
        mine.controller.abort(new SecretsError("aborted", "nobody waits for this credential any more"));
      }
    }
  }

  return Object.freeze({
    async get(context: CallContext) {
      throwIfEnded(context);
      if (closed) throw new SecretsError("closed", "these credentials were closed");
      const { clock } = context;
      monotonic = () => clock.monotonic();
      if (held !== undefined && clock.now() < held.endAt && clock.monotonic() < held.monotonicEndAt) {
        if (flight === undefined && clock.monotonic() >= held.renewAt) {
          // While renewing fails, not again for each call.
          held.renewAt = clock.monotonic() + makingMs;
          start(clock).waiting += 1;
        }
        return held.value;
      }
      return join(flight ?? start(clock), context);
    },
    reject(value: T) {
      if (held === undefined || held.value !== value) return true;
      if (monotonic() - refusedAt < betweenRefusalsMs) return false;
      refusedAt = monotonic();
      held = undefined;
      return true;
    },
    close() {
      closed = true;
      held = undefined;
      flight?.controller.abort(new SecretsError("closed", "these credentials were closed"));
    },
  });
}
