import type { Answer, BackendCall } from "./scripted-backend.ts";

/** What the client was made with. */
export interface Settings {
  readonly ttlMs: number;
  readonly maxStaleMs: number;
  readonly negativeMs: number;
  readonly maxEntries: number;
  /** Infinity: more than all values together. */
  readonly maxBytes: number;
  readonly deadlineMs: number;
  /** What `random` gives, always. */
  readonly random: number;
}

/** A reference as the model knows it. */
export interface Wanted {
  readonly reference: string;
  readonly key: string;
  readonly path: string;
  readonly field: string | undefined;
}

export interface Demand {
  readonly fresh?: boolean;
  readonly maxAgeMs?: number;
}

/** What a caller may get: a value of that text and version, an error of that code, or nothing (`peek`). */
export type Result = { readonly text: string; readonly version: string } | { readonly code: string } | undefined;

/** Both clocks, and the most that can have passed on either of them, step by step. */
interface Moment {
  readonly wall: number;
  readonly monotonic: number;
  readonly most: number;
}

interface Entry {
  readonly text: string;
  readonly version: string;
  readonly at: Moment;
  /** It may have made room for another, or not have been held at all. */
  unsure: boolean;
  /** What may be held in its place, where it may have come too late. */
  readonly before: Entry | undefined;
}

interface Flight {
  readonly key: string;
  readonly path: string;
  readonly at: Moment;
  readonly waiters: Set<Waiter>;
  /** Whether its call was made for this key alone. */
  readonly isSingle: boolean;
}

/** One caller's wait for one key. */
export interface Waiter {
  readonly wanted: Wanted;
  readonly demand: Demand;
  /** One of these must be what it got; undefined while it waits. */
  expected: readonly Result[] | undefined;
}

export class Violation extends Error {}

const refusals = ["not-found", "permission-denied", "unauthenticated"];
const outages = ["unavailable", "timeout", "rate-limited"];
/** A backend that failed is certainly left alone for so long, and certainly asked again after so long. */
const rest = { leastMs: 500, mostMs: 60_000 };
const breaker = { opensAfter: 5, leastMs: 5_000, mostMs: 30_000 };

/**
 * The rules of the cache in their simplest form. It knows what the backend was asked and what it answered, and says of each call of
 * the client what it may give and whether the backend must, may or must not be asked for it.
 *
 * An age is a range, from what the clocks say now to the most that can have passed: where a clock was set back in between, both are
 * right. How long exactly a failing backend is left alone is open, between a least and a most.
 */
export class ReferenceModel {
  readonly #settings: Settings;
  readonly #freshMs: number;
  readonly #overMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #refusals = new Map<string, { readonly code: string; readonly at: Moment; readonly unsure: boolean }>();
  readonly #failed = new Map<string, { readonly at: Moment; readonly isOutage: boolean }>();
  readonly #flights = new Map<string, Flight>();
  readonly #calls = new Map<BackendCall, Flight>();
  /** Failures in a row. NaN: more or less, as a call for many keys counts once. */
  #failures = 0;
  #mostFailures = 0;
  #lastOutage: Moment | undefined;
  #now: Moment;
  #started: BackendCall[] = [];
  #isSingle = true;

  constructor(settings: Settings, wall: number, monotonic: number) {
    this.#settings = settings;
    this.#now = { wall, monotonic, most: 0 };
    const { ttlMs, maxStaleMs, random } = settings;
    this.#freshMs = Math.round(ttlMs * (0.9 + 0.2 * random));
    this.#overMs = maxStaleMs > 0 ? Math.max(this.#freshMs, ttlMs) + maxStaleMs : this.#freshMs;
  }

  clocks(wall: number, monotonic: number): void {
    const step = Math.max(0, wall - this.#now.wall, monotonic - this.#now.monotonic);
    this.#now = { wall, monotonic, most: this.#now.most + step };
  }

  called(call: BackendCall): void {
    this.#started.push(call);
  }

  ended(call: BackendCall, answer: Answer): void {
    const flight = this.#calls.get(call);
    // It was asked for nobody: `took` tells.
    if (flight === undefined) return;
    this.#calls.delete(call);
    const isLive = this.#flights.get(flight.key) === flight;
    if (isLive) this.#flights.delete(flight.key);
    const code = typeof answer === "string" ? answer : undefined;
    if (code === "aborted") {
      if (flight.waiters.size > 0) throw new Violation(`the call for ${flight.key} was aborted, and somebody waited for it`);
      return;
    }
    this.#learn(flight, answer, isLive);
    for (const waiter of flight.waiters) waiter.expected = this.#outcomes(waiter, answer);
  }

  /** Whether each of these is surely held or refused, or surely has to be asked for: a call for many does not tell by which way each came. */
  isClear(wanted: readonly Wanted[], demand: Demand): boolean {
    return wanted.every(({ key }) => {
      const { held, refused, mustAsk } = this.#choices(key, demand);
      const flight = this.#flights.get(key);
      const [least, most] = flight ? this.#ages(flight.at) : [0, 0];
      const { deadlineMs } = this.#settings;
      return mustAsk !== held.length + refused.length > 0 && least <= deadlineMs === most <= deadlineMs;
    });
  }

  /** Takes what one call of the client led to. `settled`: it needed no answer from the backend; undefined where that is not known. */
  took(waiters: readonly { readonly waiter: Waiter; readonly settled: boolean | undefined }[]): void {
    const started = new Map<string, BackendCall>();
    this.#isSingle = this.#started.length === 1;
    for (const call of this.#started.splice(0)) {
      if (started.has(call.key)) throw new Violation(`asked twice for ${call.key}`);
      started.set(call.key, call);
    }
    for (const { waiter, settled } of waiters) this.#took(waiter, settled, started);
    for (const key of started.keys()) throw new Violation(`asked for ${key}, which nobody needed`);
  }

  /** What `peek` may give. */
  peeked({ key }: Wanted): readonly Result[] {
    const entry = this.#entries.get(key);
    if (entry === undefined) return [undefined];
    const found = this.#maybeHeld(key).flatMap(([one, age]): Result[] => {
      if (age < this.#freshMs) return [one];
      if (age >= this.#overMs) return [undefined];
      return this.#resting(key, one).map((rests) => (rests ? one : undefined));
    });
    return entry.unsure ? [...found, undefined] : found;
  }

  left(waiter: Waiter): void {
    waiter.expected = [{ code: "aborted" }];
    for (const flight of this.#calls.values()) {
      if (!flight.waiters.delete(waiter) || flight.waiters.size > 0) continue;
      if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
    }
  }

  /** What is under way for a path is for those who wait for it. */
  detached(path: string): void {
    for (const [key, flight] of this.#flights) {
      if (flight.path === path) this.#flights.delete(key);
    }
  }

  written(path: string, keys: readonly string[]): void {
    this.detached(path);
    for (const key of keys) {
      this.#entries.delete(key);
      this.#refusals.delete(key);
    }
  }

  #took(waiter: Waiter, known: boolean | undefined, started: Map<string, BackendCall>): void {
    const { wanted, demand } = waiter;
    const { key } = wanted;
    const { held, refused, mustAsk } = this.#choices(key, demand);
    const settled = known ?? !mustAsk;
    if (settled && held.length + refused.length > 0) {
      const broken = mustAsk && this.#mayBreak() ? this.#outcomes(waiter, "unavailable") : [];
      waiter.expected = [...held, ...refused, ...broken];
      if (held.length > 0) this.#readAhead(wanted, started, mustAsk);
      return;
    }
    if (!mustAsk) throw new Violation(`made a caller wait for ${key}, which was held or refused`);
    const joined = this.#join(wanted, started, settled);
    if (joined) joined.waiters.add(waiter);
    else {
      // The breaker is open, so it is an outage at once.
      this.#failed.set(key, { at: this.#now, isOutage: true });
      waiter.expected = this.#outcomes(waiter, "unavailable");
    }
  }

  /** The flight that a caller waits for: the one that is under way, or the one that has begun. */
  #join(wanted: Wanted, started: Map<string, BackendCall>, settled: boolean): Flight | undefined {
    const { key, path } = wanted;
    const call = started.get(key);
    started.delete(key);
    const known = this.#flights.get(key);
    const [least, most] = known ? this.#ages(known.at) : [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    if (call === undefined) {
      if (known && least <= this.#settings.deadlineMs && !settled) return known;
      if (this.#mayBreak()) return undefined;
      throw new Violation(`did not ask for ${key}`);
    }
    if (most <= this.#settings.deadlineMs) throw new Violation(`asked for ${key} while it was under way`);
    if (this.#mustBreak()) throw new Violation("asked a backend that had just failed five times in a row");
    const flight: Flight = { key, path, at: this.#now, waiters: new Set(), isSingle: this.#isSingle };
    this.#calls.set(call, flight);
    this.#flights.set(key, flight);
    return flight;
  }

  #readAhead(wanted: Wanted, started: Map<string, BackendCall>, maybeNot: boolean): void {
    const { key } = wanted;
    const entry = this.#entries.get(key) as Entry;
    const ages = this.#maybeHeld(key).map(([, age]) => age);
    const [least, most] = [Math.min(...ages), Math.max(...ages)];
    const mayBeDue = most >= this.#freshMs * 0.8 && least < this.#freshMs;
    const mustBeDue = least >= this.#freshMs * 0.8 && most < this.#freshMs;
    const flight = this.#flights.get(key);
    const isUnderWay = flight !== undefined && this.#ages(flight.at)[0] <= this.#settings.deadlineMs;
    if (started.has(key)) {
      if (!mayBeDue) throw new Violation(`asked for ${key}, which was fresh`);
      const ahead: Waiter = { wanted, demand: {}, expected: undefined };
      this.#join(wanted, started, false)?.waiters.add(ahead);
    } else if (mustBeDue && !maybeNot && !isUnderWay && !entry.before && !this.#mayRest(key, entry) && !this.#mayBreak()) {
      throw new Violation(`did not read ${key} ahead`);
    }
  }

  /** What may be given without asking, and whether asking is right. */
  #choices(key: string, { fresh, maxAgeMs = Number.POSITIVE_INFINITY }: Demand) {
    const held: Result[] = [];
    const refused: Result[] = [];
    if (fresh) return { held, refused, mustAsk: true };
    let mustAsk = false;
    const entry = this.#entries.get(key);
    for (const [one, age] of this.#maybeHeld(key)) {
      if (age >= this.#overMs || age >= maxAgeMs) mustAsk = true;
      else if (age < this.#freshMs) held.push(one);
      else {
        for (const rests of this.#resting(key, one)) {
          if (rests) held.push(one);
          else mustAsk = true;
        }
      }
    }
    if (entry === undefined || entry.unsure) {
      const refusal = this.#refusals.get(key);
      for (const age of refusal ? this.#ages(refusal.at) : []) {
        if (age >= this.#settings.negativeMs) mustAsk = true;
        else refused.push({ code: refusal?.code as string });
      }
      if (refusal === undefined || refusal.unsure) mustAsk = true;
    }
    return { held, refused, mustAsk };
  }

  #learn(flight: Flight, answer: Answer, isCurrent: boolean): void {
    const { key } = flight;
    const [least, most] = this.#ages(flight.at);
    const { deadlineMs } = this.#settings;
    const code = typeof answer === "string" ? answer : undefined;
    if (code !== undefined && outages.includes(code)) {
      this.#failures += flight.isSingle ? 1 : Number.NaN;
      this.#mostFailures += 1;
      this.#lastOutage = this.#now;
      this.#failed.set(key, { at: this.#now, isOutage: true });
      return;
    }
    this.#failures = 0;
    this.#mostFailures = 0;
    // What was under way while the process was frozen is not held.
    if (!isCurrent || least > deadlineMs) return;
    const unsure = most > deadlineMs;
    if (typeof answer !== "string") this.#hold(key, flight, answer, unsure);
    else if (refusals.includes(answer)) {
      const entry = this.#entries.get(key);
      if (!unsure) this.#entries.delete(key);
      else if (entry) entry.unsure = true;
      this.#refusals.set(key, { code: answer, at: this.#now, unsure });
    } else this.#failed.set(key, { at: this.#now, isOutage: false });
  }

  #hold(key: string, { path }: Flight, { text, version }: Exclude<Answer, string>, unsure: boolean): void {
    const { maxEntries, maxBytes } = this.#settings;
    const isSmall = 2 * (text.length + path.length + 64) <= maxBytes;
    const before = unsure ? this.#entries.get(key) : undefined;
    this.#entries.set(key, { text, version, at: this.#now, unsure: unsure || !isSmall, before });
    if (!unsure && isSmall) this.#refusals.delete(key);
    if (this.#entries.size <= maxEntries && maxBytes === Number.POSITIVE_INFINITY) return;
    for (const [other, entry] of this.#entries) if (other !== key) entry.unsure = true;
  }

  /** What a caller may get who waited for this. */
  #outcomes({ wanted, demand }: Waiter, answer: Answer): readonly Result[] {
    if (typeof answer !== "string") return [answer];
    const failed = { code: answer };
    const entry = outages.includes(answer) && !demand.fresh ? this.#entries.get(wanted.key) : undefined;
    if (entry === undefined) return [failed];
    const longestMs = Math.min(this.#overMs, demand.maxAgeMs ?? Number.POSITIVE_INFINITY);
    const found = this.#maybeHeld(wanted.key).map(([one, age]): Result => (age < longestMs ? one : failed));
    return entry.unsure ? [...found, failed] : found;
  }

  /** What may be held for a key, at each age that it may have. */
  #maybeHeld(key: string): readonly (readonly [Entry, age: number])[] {
    const found: (readonly [Entry, number])[] = [];
    for (let entry = this.#entries.get(key); entry; entry = entry.before)
      for (const age of this.#ages(entry.at)) found.push([entry, age]);
    return found;
  }

  #ages(at: Moment): readonly [least: number, most: number] {
    const { wall, monotonic, most } = this.#now;
    return [Math.max(wall - at.wall, monotonic - at.monotonic), most - at.most];
  }

  /** Whether what is held and no longer fresh is served without asking: surely, surely not, or maybe. */
  #resting(key: string, entry: Entry): readonly boolean[] {
    const failed = this.#failed.get(key);
    if (failed === undefined || !failed.isOutage || !this.#mayRest(key, entry)) return [false];
    const isSure = this.#ages(failed.at)[1] < rest.leastMs && failed.at.most > entry.at.most;
    return isSure ? [true] : [true, false];
  }

  #mayRest(key: string, entry: Entry): boolean {
    const failed = this.#failed.get(key);
    return failed !== undefined && failed.at.most >= entry.at.most && this.#ages(failed.at)[0] <= rest.mostMs;
  }

  #mayBreak(): boolean {
    if (this.#mostFailures < breaker.opensAfter || this.#lastOutage === undefined) return false;
    // While one call probes the backend, the others fail at once.
    return this.#now.monotonic - this.#lastOutage.monotonic <= breaker.mostMs || this.#calls.size > 0;
  }

  /** A call that goes on though nobody waits for it. */
  forgotten(): string | undefined {
    return [...this.#calls.values()].find((flight) => flight.isSingle && flight.waiters.size === 0)?.key;
  }

  #mustBreak(): boolean {
    if (this.#failures !== breaker.opensAfter || this.#lastOutage === undefined) return false;
    return this.#now.monotonic - this.#lastOutage.monotonic < breaker.leastMs;
  }
}
