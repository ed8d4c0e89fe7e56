import { createSecrets, isSecretsError, type Secret, type Secrets, type SecretsError } from "@keyhold/core";
import { type ManualClock, manualClock } from "@keyhold/testing";
import {
  type Demand,
  ReferenceModel,
  type Result,
  type Settings,
  Violation,
  type Waiter,
  type Wanted,
} from "./reference-model.ts";
import { keyOf, type Mode, type ScriptedBackend, scriptedBackend } from "./scripted-backend.ts";

const paths = ["a", "b", "c", "d/e"];
const fields = [undefined, "", "n", "s", "/n", "/o/n", "big", "none"];

const wantedOf = (path: string, field?: string, query: { version?: string; stage?: string } = {}): Wanted => {
  const [[name, value] = []] = Object.entries(query);
  const mark = name === undefined ? "" : `?${name}=${value}`;
  const reference = `m://${encodeURIComponent(path).replace("%2F", "/")}${mark}${field === undefined ? "" : `#${field}`}`;
  return { reference, key: keyOf({ path, ...query }), path, field };
};

/** Everything that is asked for. The last path, decoded, looks like a version of another. */
export const universe: readonly Wanted[] = [
  ...paths.flatMap((path) => fields.map((field) => wantedOf(path, field))),
  wantedOf("a", undefined, { version: "1" }),
  wantedOf("a", "n", { version: "2" }),
  wantedOf("b", undefined, { stage: "previous" }),
  wantedOf("a?version=1"),
];
export const writable: readonly string[] = [...paths, "a?version=1"];

interface Pending {
  readonly waiter: Waiter;
  readonly ending: AbortController;
  readonly canLeave: boolean;
  got?: { readonly result: Actual };
}
type Actual = Secret | SecretsError | undefined;

/** A document whose parts are easily taken for one another, a text, or a number. */
function textOf(serial: number): string {
  if (serial % 7 === 0) return `plain ${serial}`;
  if (serial % 11 === 0) return `${serial}`;
  return `{ "n": ${serial}, "s": "${serial}",  "o": {"n": "${serial}"}, "big": 12345678901234560${serial} }`;
}

/** One client, the backend behind it, and the model beside it. */
export class World {
  readonly #clock: ManualClock = manualClock();
  readonly #backend: ScriptedBackend;
  readonly #secrets: Secrets<"m">;
  readonly #model: ReferenceModel;
  readonly #settings: Settings;
  #pending: Pending[] = [];
  #serial = 0;
  #violation: unknown;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#model = new ReferenceModel(settings, this.#clock.now(), this.#clock.monotonic());
    this.#backend = scriptedBackend({
      called: (call) => this.#witness(() => this.#model.called(call)),
      ended: (call, answer) => this.#witness(() => this.#model.ended(call, answer)),
    });
    const { ttlMs, maxStaleMs, negativeMs, maxEntries, maxBytes, deadlineMs, random } = settings;
    const bounds = maxBytes === Number.POSITIVE_INFINITY ? {} : { maxBytes };
    this.#secrets = createSecrets({
      providers: { m: this.#backend.provider },
      clock: this.#clock,
      random: () => random,
      cache: { ttlMs, maxStaleMs, negativeMs, maxEntries, ...bounds },
      deadlineMs,
      retry: false,
    });
    for (const path of paths) this.write(path);
  }

  write(path: string): void {
    this.#serial += 1;
    this.#backend.write(path, textOf(this.#serial));
  }

  remove(path: string): void {
    this.#backend.write(path, undefined);
  }

  turnBackend(mode: Mode, latencyMs: number): void {
    this.#backend.mode = mode;
    this.#backend.latencyMs = latencyMs;
  }

  async get(wanted: Wanted, demand: Demand): Promise<void> {
    await this.#ask([wanted], demand, ([pending], signal) => {
      this.#await(pending as Pending, this.#secrets.get(wanted.reference, { ...demand, signal }));
    });
  }

  /** Without options, as most calls are: the shortest way. */
  async getPlainly(wanted: Wanted): Promise<void> {
    await this.#ask([wanted], undefined, ([pending]) => this.#await(pending as Pending, this.#secrets.get(wanted.reference)));
  }

  async refresh(wanted: Wanted): Promise<void> {
    this.#sync();
    this.#model.detached(wanted.path);
    await this.#ask([wanted], { fresh: true }, ([pending], signal) => {
      this.#await(pending as Pending, this.#secrets.refresh(wanted.reference, { signal }));
    });
  }

  /** False where it could not be told by which way each came. */
  async getMany(wanted: readonly Wanted[], demand: Demand): Promise<boolean> {
    this.#sync();
    if (!this.#model.isClear(wanted, demand)) return false;
    await this.#ask(wanted, demand, (pending, signal) => {
      const references = wanted.map(({ reference }) => reference as "m://");
      const all = this.#secrets.getMany(references, { ...demand, signal, settle: true });
      pending.forEach((one, index) => {
        this.#await(
          one,
          all.then((found) => found[index] as Secret),
        );
      });
    });
    return true;
  }

  async peek(wanted: Wanted): Promise<void> {
    this.#sync();
    let found: Actual;
    try {
      found = this.#secrets.peek(wanted.reference);
    } catch (error) {
      found = error as SecretsError;
    }
    this.#check(wanted, this.#model.peeked(wanted), found);
  }

  async put(path: string): Promise<void> {
    this.#sync();
    this.#serial += 1;
    const written = this.#secrets.put(wantedOf(path).reference as "m://", textOf(this.#serial)).catch(() => {});
    await this.#turn();
    await written;
    this.#model.written(path, [...new Set(universe.filter((one) => one.path === path).map(({ key }) => key))]);
  }

  /** One of several callers loses interest. */
  async abort(which: number): Promise<boolean> {
    const able = this.#pending.filter(({ canLeave }) => canLeave);
    const leaving = able[which % Math.max(1, able.length)];
    if (leaving === undefined) return false;
    this.#sync();
    for (const { ending, waiter } of this.#pending)
      if (ending === leaving.ending && waiter.expected === undefined) this.#model.left(waiter);
    leaving.ending.abort();
    await this.#turn();
    const forgotten = this.#model.forgotten();
    if (forgotten) throw new Violation(`the call for ${forgotten} goes on, and nobody waits for it`);
    return true;
  }

  async pass(ms: number): Promise<void> {
    await this.#clock.advance(ms);
    await this.#turn();
  }

  /** The wall clock alone goes on, or back: a frozen process is thawed, or a clock is set right. */
  async setWall(byMs: number): Promise<void> {
    this.#clock.setWall(this.#clock.now() + byMs);
    await this.#turn();
  }

  /** Time passes, and the wall clock does not tell. */
  async passUnseen(ms: number): Promise<void> {
    this.#clock.setWall(this.#clock.now() - ms);
    this.#sync();
    await this.pass(ms);
  }

  /** Everything under way ends, and nothing is left of it. */
  async end(): Promise<void> {
    await this.pass(2 * this.#settings.deadlineMs);
    if (this.#pending.length > 0) throw new Violation("somebody still waits, after the deadline");
    if (this.#clock.timers > 0) throw new Violation("a timer is left");
    await this.#secrets.close();
    if (this.#secrets.stats().entries > 0) throw new Violation("something is held after close");
  }

  async #ask(
    wanted: readonly Wanted[],
    options: Demand | undefined,
    call: (pending: Pending[], signal: AbortSignal) => void,
  ): Promise<void> {
    this.#sync();
    const [demand, canLeave] = [options ?? {}, options !== undefined];
    const ending = new AbortController();
    const asked = wanted.map((one): Pending => ({ waiter: { wanted: one, demand, expected: undefined }, ending, canLeave }));
    this.#pending.push(...asked);
    call(asked, ending.signal);
    await new Promise((resolve) => setImmediate(resolve));
    // Of many at once each has what it has when all have it.
    this.#model.took(
      asked.map(({ waiter, got }) => ({ waiter, settled: got || asked.length === 1 ? got !== undefined : undefined })),
    );
    await this.#turn();
  }

  #await(pending: Pending, promise: Promise<Secret>): void {
    promise.then(
      (result) => {
        pending.got = { result };
      },
      (error: SecretsError) => {
        pending.got = { result: error };
      },
    );
  }

  #sync(): void {
    this.#model.clocks(this.#clock.now(), this.#clock.monotonic());
  }

  #witness(tell: () => void): void {
    this.#sync();
    try {
      tell();
    } catch (error) {
      // Thrown here it would be taken for the backend's failure.
      this.#violation ??= error;
    }
  }

  /** Lets what can settle do so, and checks it all. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#sync();
    if (this.#violation) throw this.#violation;
    this.#model.took([]);
    const waiting = new Set(this.#pending.filter(({ waiter }) => waiter.expected === undefined).map(({ ending }) => ending));
    this.#pending = this.#pending.filter(({ waiter, ending, got }) => {
      if (waiter.expected === undefined && got) throw new Violation(`gave ${waiter.wanted.reference} before there was an answer`);
      if (!waiting.has(ending) && !got)
        throw new Violation(`did not give ${waiter.wanted.reference}, though there was an answer`);
      if (waiter.expected && got) this.#check(waiter.wanted, waiter.expected, got.result);
      return got === undefined;
    });
    const { entries, bytes } = this.#secrets.stats();
    if (entries > this.#settings.maxEntries) throw new Violation(`holds ${entries} of ${this.#settings.maxEntries} entries`);
    if (bytes > this.#settings.maxBytes) throw new Violation(`holds ${bytes} of ${this.#settings.maxBytes} bytes`);
  }

  #check({ reference, field }: Wanted, expected: readonly Result[], actual: Actual): void {
    const got = shown(actual, field);
    const allowed = expected.map((one) => shownResult(one, field));
    if (!allowed.includes(got)) throw new Violation(`gave ${got} for ${reference}, not ${[...new Set(allowed)].join(" or ")}`);
  }
}

/** What a caller got, as text to compare: these are no secrets. */
function shown(actual: Actual, field: string | undefined): string {
  if (actual === undefined) return "nothing";
  if (isSecretsError(actual)) return actual.code;
  return `${actual.text()} of version ${actual.version}${field === undefined ? "" : `, ${typeof actual.json()}`}`;
}

function shownResult(result: Result, field: string | undefined): string {
  if (result === undefined) return "nothing";
  if ("code" in result) return result.code;
  const { text, version } = result;
  if (field === undefined) return `${text} of version ${version}`;
  const serial = /\d+/.exec(text)?.[0];
  const part = partOf(text, serial as string, field);
  return part.startsWith("!") ? part.slice(1) : `${part} of version ${version}, ${typeOf(text, field)}`;
}

/** The part of a document that a field names, by how the document was made; `!` and a code where there is none. */
function partOf(text: string, serial: string, field: string): string {
  if (text.startsWith("plain")) return "!decode";
  if (!text.startsWith("{")) return field === "" ? text : "!not-found";
  if (field === "") return `{"n":${serial},"s":"${serial}","o":{"n":"${serial}"},"big":12345678901234560${serial}}`;
  if (field === "none") return "!not-found";
  return field === "big" ? `12345678901234560${serial}` : serial;
}

const typeOf = (text: string, field: string): string =>
  field === "s" || field === "/o/n" ? "string" : field === "" && text.startsWith("{") ? "object" : "number";
