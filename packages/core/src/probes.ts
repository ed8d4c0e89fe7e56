import type { Clock } from "./clock.ts";
import { isSecretsError } from "./errors.ts";
import type { HotTime } from "./hot-time.ts";
import type { Provider } from "./provider.ts";
import { runCall } from "./run-call.ts";
import type { Schedule } from "./schedule.ts";
import type { Counters } from "./stats.ts";
import type { Target } from "./target.ts";

export interface ProbesEnvironment {
  readonly clock: Clock;
  readonly time: HotTime;
  readonly random: () => number;
  readonly schedule: Schedule;
  readonly closing: AbortSignal;
  readonly deadlineMs: number;
  readonly counters: Counters;
  provider(name: string): Provider;
}

/** One key whose backend tells no changes. */
export interface Probed {
  readonly target: Target;
  /** How often it is asked about, at least. */
  readonly everyMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Whether something else keeps it new just now. */
  isKeptNew(): boolean;
  /** The version that is known now. */
  version(): string | undefined;
  /** The backend has another version, so what is held is no longer sure. */
  onChanged(): void;
  /** Reads anew, past the cache. */
  refresh(): Promise<unknown>;
  onRemoved(): void;
  onFailed(error: unknown): void;
}

/** What one provider is asked, and how fast. */
interface Pace {
  readonly name: string;
  readonly stepMs: number;
  readonly waiting: Set<Probing>;
  running: number;
  /** Before this, by `HotTime.elapsed`, it is not asked. */
  freeAt: number;
  /** How often in a row it said that it is asked too much. */
  limited: number;
}

interface Probing {
  readonly probed: Probed;
  /** Its version may not be asked for, or it has none of its own: it is read instead. */
  isRead: boolean;
  isGone: boolean;
}

const defaultPerSecond = 10;
const mostAtOnce = 4;
const shortestMs = 1_000;
const longestPauseMs = 60_000;

/**
 * Asks backends that tell no changes whether there are any: for all followed keys by one schedule, each as often as it may be fresh,
 * spread out, and one provider no more often than its quota bears. It asks for the version where that is cheaper than to read.
 */
export class Probes {
  readonly #environment: ProbesEnvironment;
  readonly #paces = new Map<string, Pace>();
  readonly #probing = new Map<string, Probing>();

  constructor(environment: ProbesEnvironment) {
    this.#environment = environment;
  }

  add(probed: Probed): void {
    const { key } = probed.target;
    const probing: Probing = { probed, isRead: false, isGone: false };
    this.#probing.set(key, probing);
    this.#plan(probing);
    probed.signal.addEventListener("abort", () => {
      this.#environment.schedule.delete(`probe ${key}`);
      if (this.#probing.get(key) === probing) this.#probing.delete(key);
      const pace = this.#paces.get(probed.target.provider);
      pace?.waiting.delete(probing);
      if (pace?.waiting.size === 0) this.#environment.schedule.delete(`pace ${pace.name}`);
    });
  }

  /** A key was read just now for whatever reason: it need not be asked about so soon. */
  seen(key: string): void {
    const probing = this.#probing.get(key);
    if (probing === undefined) return;
    probing.isGone = false;
    if (!this.#paces.get(probing.probed.target.provider)?.waiting.has(probing)) this.#plan(probing);
  }

  /** In good time before it is due, and spread over a fifth of the time: what was opened together does not stay together. */
  #plan(probing: Probing): void {
    const { random, schedule, time } = this.#environment;
    const { everyMs, target, signal } = probing.probed;
    if (signal.aborted) return;
    const waitMs = Math.max(shortestMs, everyMs * (0.7 + 0.2 * random()));
    schedule.set(`probe ${target.key}`, time.look() + waitMs, () => {
      const pace = this.#paceOf(target.provider);
      pace.waiting.add(probing);
      this.#next(pace);
    });
  }

  #paceOf(name: string): Pace {
    const known = this.#paces.get(name);
    if (known !== undefined) return known;
    const { probesPerSecond = defaultPerSecond } = this.#environment.provider(name).features;
    const pace = { name, stepMs: 1_000 / probesPerSecond, waiting: new Set<Probing>(), running: 0, freeAt: 0, limited: 0 };
    this.#paces.set(name, pace);
    return pace;
  }

  /** Begins what waits longest, if its provider may be asked now. */
  #next(pace: Pace): void {
    const { schedule, time } = this.#environment;
    const [first] = pace.waiting;
    if (first === undefined || pace.running >= mostAtOnce) return;
    const now = time.look();
    if (now >= pace.freeAt) {
      pace.freeAt = now + pace.stepMs;
      pace.waiting.delete(first);
      pace.running += 1;
      void this.#probe(first, pace).then(() => {
        pace.running -= 1;
        this.#plan(first);
        this.#next(pace);
      });
    }
    if (pace.waiting.size > 0) schedule.set(`pace ${pace.name}`, pace.freeAt, () => this.#next(pace));
  }

  /** Never rejects. */
  async #probe(probing: Probing, pace: Pace): Promise<void> {
    const { probed } = probing;
    if (probed.signal.aborted || probed.isKeptNew()) return;
    try {
      const version = probing.isRead ? undefined : await this.#version(probing);
      if (version !== undefined) pace.limited = 0;
      if (probed.signal.aborted || (version !== undefined && version === probed.version())) return;
      if (version !== undefined) probed.onChanged();
      await probed.refresh();
      pace.limited = 0;
    } catch (error) {
      if (probed.signal.aborted) return;
      this.#slowDown(pace, error);
      if (!isSecretsError(error, "not-found")) probed.onFailed(error);
      else if (!probing.isGone) {
        probing.isGone = true;
        probed.onRemoved();
      }
    }
  }

  /** Undefined where only reading can tell. */
  async #version(probing: Probing): Promise<string | undefined> {
    const { clock, closing, counters, deadlineMs, provider } = this.#environment;
    const { target, signal } = probing.probed;
    const { probe } = provider(target.provider);
    probing.isRead = probe === undefined;
    if (probe === undefined) return undefined;
    try {
      counters.upstreamCalls += 1;
      const limits = { clock, deadlineMs, signals: [closing, signal] };
      const call = probe.bind(provider(target.provider));
      return (await runCall(limits, (context) => call(target.locator, context))).version;
    } catch (error) {
      probing.isRead = isSecretsError(error, "unsupported", "permission-denied");
      if (probing.isRead) return undefined;
      throw error;
    }
  }

  #slowDown(pace: Pace, error: unknown): void {
    if (!isSecretsError(error, "rate-limited")) return;
    const { random, time } = this.#environment;
    pace.limited += 1;
    const ownMs = Math.min(longestPauseMs, 1_000 * 2 ** Math.min(pace.limited, 16)) * (0.5 + 0.5 * random());
    pace.freeAt = time.look() + Math.max(ownMs, error.retryAfterMs ?? 0);
  }
}
