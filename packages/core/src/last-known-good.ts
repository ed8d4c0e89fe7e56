import type { Clock } from "./clock.ts";
import type { SecretsEvent } from "./create-secrets.ts";
import type { Freshness } from "./freshness.ts";
import { checkedNumber } from "./options.ts";
import type { SecretRecord } from "./provider.ts";
import { driverError } from "./read-many.ts";
import { runCall } from "./run-call.ts";
import type { SnapshotRecord, SnapshotStore } from "./snapshot-store.ts";

/** News is written soon; that a value is still the same may wait. */
const writeIn = { newsMs: 1_000, sameMs: 60_000 };
/** For so long a reference that the store does not have is not looked up again. */
const namesServeMs = 5_000;
const mostErased = 10_000;
const mostReadings = 3;
/** By how much a record may seem to come from the future. A larger step of the wall clock makes its age unknown. */
const clockStepMs = 60_000;

export interface Found {
  readonly record: SnapshotRecord;
  readonly ageMs: number;
}

type Kept = ReadonlyMap<string, SnapshotRecord>;

interface Reading {
  readonly all: Promise<Kept>;
  /** What had been erased when it began. */
  readonly erasures: number;
}

/** One call's way to the snapshot. It is opened ahead of the deadline, so that a backend which hangs leaves time to read it. */
export interface Rescue {
  find(key: string): Promise<Found | undefined>;
  end(): void;
}

const pathOf = (key: string) => key.split("?", 1)[0] as string;

/** Records what was read into a snapshot store, behind the reads, and finds it again when the backend is down. Never rejects. */
export class LastKnownGood {
  readonly #store: SnapshotStore;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #emit: (event: SecretsEvent) => void;
  readonly #records = new Map<string, SnapshotRecord>();
  readonly #erased = new Map<string, number>();
  #erasures = 0;
  #reading: Reading | undefined;
  #names: { readonly keys: ReadonlySet<string>; readonly until: number } | undefined;
  #writing: Promise<void> = Promise.resolve();
  #timer: { readonly dueAt: number; cancel(): void } | undefined;
  #closed = false;
  /** What a found value is worth: not fresh, and serving for as long as the store says while the backend is down. */
  readonly freshness: Freshness;

  constructor(store: SnapshotStore, clock: Clock, deadlineMs: number, emit: (event: SecretsEvent) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#emit = emit;
    this.freshness = { ttlMs: 0, maxStaleMs: checkedNumber("snapshot.maxAgeMs", store.maxAgeMs, 86_400_000, 1) };
  }

  /** A value was read. A leased one ends with its lease, so it is not kept. */
  record(key: string, { content, version, lease }: SecretRecord, readAt: number, isNews: boolean): void {
    if (lease !== undefined || this.#closed) return;
    this.#records.set(key, { content, version, readAt });
    this.#writeIn(isNews ? writeIn.newsMs : writeIn.sameMs);
  }

  /** What was kept under a reference must not serve any more, nor its versions and stages. */
  erase(key: string): void {
    this.#erasures += 1;
    for (const kept of [...this.#records.keys()]) if (kept === key || kept.startsWith(`${key}?`)) this.#records.delete(kept);
    this.#erased.delete(key);
    this.#erased.set(key, this.#clock.now());
    if (this.#erased.size > mostErased) this.#erased.delete(this.#erased.keys().next().value as string);
    if (!this.#closed) this.#writeIn(writeIn.newsMs);
  }

  /** For a call of so many milliseconds: it begins to read the store at half its time, if it was not needed before. */
  rescue(deadlineMs: number, signal: AbortSignal | undefined): Rescue {
    const clock = this.#clock;
    const deadlineAt = clock.monotonic() + deadlineMs;
    let reading: Reading | undefined;
    const begin = () => {
      if (reading?.erasures !== this.#erasures) reading = this.#read();
      return reading as Reading;
    };
    return {
      end: clock.setTimer(begin, deadlineMs / 2),
      find: async (key) => {
        for (let turn = 0; turn < mostReadings && !this.#isErased(key) && !this.#isAbsent(key); turn += 1) {
          const { all, erasures } = begin();
          const limits = { clock, deadlineMs: Math.max(0, deadlineAt - clock.monotonic()), signals: [signal] };
          const kept = await runCall(limits, () => all).catch(() => undefined);
          if (kept === undefined) return undefined;
          // Otherwise what was erased meanwhile may be in what was read.
          if (erasures === this.#erasures) return this.#young(this.#records.get(key) ?? kept.get(key));
        }
        return undefined;
      },
    };
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#flush();
  }

  #isErased(key: string): boolean {
    return (this.#erased.has(key) || this.#erased.has(pathOf(key))) && !this.#records.has(key);
  }

  #isAbsent(key: string): boolean {
    const names = this.#names;
    return names !== undefined && this.#clock.monotonic() < names.until && !names.keys.has(key) && !this.#records.has(key);
  }

  #young(record: SnapshotRecord | undefined): Found | undefined {
    if (record === undefined) return undefined;
    const ageMs = this.#clock.now() - record.readAt;
    if (ageMs < -clockStepMs || ageMs >= this.freshness.maxStaleMs) return undefined;
    return { record, ageMs: Math.max(0, ageMs) };
  }

  /** Those who ask at the same time share one reading, unless something was erased since it began. */
  #read(): Reading {
    if (this.#reading?.erasures === this.#erasures) return this.#reading;
    const reading = { all: this.#readStore(), erasures: this.#erasures };
    this.#reading = reading;
    reading.all.finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading;
  }

  async #readStore(): Promise<Kept> {
    let all: Kept = new Map();
    try {
      all = await this.#store.read();
    } catch (error) {
      this.#failed(error);
    }
    const keys = [...all].filter(([, record]) => this.#young(record)).map(([key]) => key);
    this.#names = { keys: new Set(keys), until: this.#clock.monotonic() + namesServeMs };
    return all;
  }

  #writeIn(delayMs: number): void {
    const dueAt = this.#clock.monotonic() + delayMs;
    if (this.#timer !== undefined && this.#timer.dueAt <= dueAt) return;
    this.#timer?.cancel();
    this.#timer = { dueAt, cancel: this.#clock.setTimer(() => void this.#flush(), delayMs) };
  }

  #flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const changes = { records: new Map(this.#records), erased: new Map(this.#erased) };
    if (changes.records.size === 0 && changes.erased.size === 0) return;
    try {
      const limits = { clock: this.#clock, deadlineMs: this.#deadlineMs, signals: [] };
      await runCall(limits, (context) => this.#store.change(changes, context));
      for (const [key, at] of changes.erased) if (this.#erased.get(key) === at) this.#erased.delete(key);
      // Who has read the store before this change has read what is erased now.
      if (changes.erased.size > 0) this.#erasures += 1;
      this.#names = undefined;
    } catch (error) {
      this.#failed(error);
      // An erasure is tried again. A value is not kept in memory for it: its next reading is recorded.
      if (changes.erased.size > 0 && !this.#closed) this.#writeIn(writeIn.sameMs);
    }
    for (const [key, record] of changes.records) if (this.#records.get(key) === record) this.#records.delete(key);
  }

  #failed(error: unknown): void {
    this.#emit({ type: "snapshot-failed", error: driverError(error, "snapshot") });
  }
}
