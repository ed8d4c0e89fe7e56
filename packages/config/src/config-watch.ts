import { type Handle, isSecretsError, type Secret, type Secrets, SecretsError } from "@keyhold/core";
import type { FieldStatus, LiveConfig, ReferenceStatus } from "./live-config.ts";
import type { Plan } from "./plan.ts";
import type { Found } from "./resolve.ts";
import { same } from "./same.ts";
import { pathText, placeText } from "./tree.ts";

export interface ConfigWatchEnvironment<Output> {
  readonly plan: Plan;
  /** One for each secret that was found. */
  readonly handles: ReadonlyMap<string, Handle>;
  evaluate(found: Found): Promise<Output>;
  readonly options: { readonly secrets: Secrets; readonly onError?: (error: SecretsError) => void };
}

interface Listener {
  readonly select: (config: never) => unknown;
  readonly call: (selected: never, previous: never) => unknown;
}

/** Secrets that change together often arrive one by one; together they make one swap. */
const gatherMs = 20;

/** The live configuration: follows the handles, and swaps in what validates. */
export class ConfigWatch<Output> implements LiveConfig<Output> {
  readonly #environment: ConfigWatchEnvironment<Output>;
  readonly #listeners = new Set<Listener>();
  /** Since when `current` has held the content of each secret. */
  readonly #heldSince = new Map<string, number>();
  #found: Found;
  #current: Output;
  #timer: NodeJS.Timeout | undefined;
  #started = 0;
  #finished = 0;
  #closed = false;

  constructor(environment: ConfigWatchEnvironment<Output>, found: Found, first: Output) {
    this.#environment = environment;
    this.#found = found;
    this.#current = first;
    for (const [whole, handle] of environment.handles) {
      this.#heldSince.set(whole, Date.now());
      handle.onChange(() => this.#schedule());
      // It may have changed since it was fetched.
      if (!same(handle.current, found.get(whole))) this.#schedule();
    }
  }

  get current(): Output {
    return this.#current;
  }

  onChange<Selected>(
    select: (config: Output) => Selected,
    listener: (selected: Selected, previous: Selected) => void,
  ): () => void;
  onChange(listener: (config: Output, previous: Output) => void): () => void;
  onChange(
    first: (config: never, previous: never) => unknown,
    second?: (selected: never, previous: never) => unknown,
  ): () => void {
    const listener: Listener = second
      ? { select: first as Listener["select"], call: second }
      : { select: (config) => config, call: first };
    if (!this.#closed) this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  status(): readonly FieldStatus[] {
    return this.#environment.plan.fetched.map(({ path, place, parts }) => ({
      path: pathText(path),
      source: placeText(place),
      secrets: parts.flatMap((part) => (typeof part === "string" ? [] : [this.#referenceStatus(part.reference)])),
    }));
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
    for (const handle of this.#environment.handles.values()) handle.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#renew();
    }, gatherMs);
    this.#timer.unref();
  }

  /** Makes a new configuration of what the handles hold now. One that finishes after a later one is dropped. */
  async #renew(): Promise<void> {
    const turn = ++this.#started;
    const isLate = () => this.#closed || turn < this.#finished;
    const found = new Map(this.#found);
    for (const [whole, handle] of this.#environment.handles) found.set(whole, held(handle));
    try {
      const next = await this.#environment.evaluate(found);
      if (isLate()) return;
      this.#finished = turn;
      this.#swap(next, found);
    } catch (error) {
      if (isLate()) return;
      this.#finished = turn;
      this.#report(error as SecretsError, "KEYHOLD_CONFIG_REFUSED");
    }
  }

  #swap(next: Output, found: Found): void {
    const previous = this.#current;
    for (const [whole, secret] of found) if (!same(secret, this.#found.get(whole))) this.#heldSince.set(whole, Date.now());
    this.#current = next;
    this.#found = found;
    for (const listener of this.#listeners) {
      // Each on a turn of its own, so that one that throws or takes long delays no other.
      queueMicrotask(() => void this.#tell(listener, next, previous));
    }
  }

  async #tell(listener: Listener, next: Output, previous: Output): Promise<void> {
    try {
      if (!this.#listeners.has(listener)) return;
      const [selected, before] = [listener.select(next as never), listener.select(previous as never)];
      if (!same(selected, before)) await listener.call(selected as never, before as never);
    } catch {
      // What it threw may hold a value.
      this.#report(new SecretsError("unknown", "a listener of the configuration failed"), "KEYHOLD_LISTENER_FAILED");
    }
  }

  #report(error: SecretsError, code: string): void {
    const { onError } = this.#environment.options;
    if (onError === undefined) {
      process.emitWarning(error.message, { type: "KeyholdWarning", code, ...(error.hint ? { detail: error.hint } : {}) });
      return;
    }
    try {
      onError(error);
    } catch {
      // A listener's failure is its own.
    }
  }

  #referenceStatus(reference: { readonly text: string; readonly whole: string }): ReferenceStatus {
    const { text, whole } = reference;
    const used = this.#found.get(whole);
    if (used === undefined || isSecretsError(used)) return { reference: text, version: undefined };
    const handle = this.#environment.handles.get(whole);
    const newest = handle && held(handle);
    // A version follows silently while the content stays.
    const { version } = newest && same(newest, used) ? (newest as Secret) : used;
    const lapses = this.#environment.options.secrets.lapsesAt(whole);
    const ageMs = Math.max(0, Date.now() - (this.#heldSince.get(whole) ?? 0));
    return { reference: text, version, ageMs, ...(lapses === undefined ? {} : { lapsesAt: lapses }) };
  }
}

/** What a handle holds. One that has lapsed or is closed says so as an error. */
function held(handle: Handle): Secret | SecretsError {
  try {
    return handle.current;
  } catch (error) {
    return error as SecretsError;
  }
}
