import { type ChangeEvent, changeEvents, type Notified, namedReference, unknownEvent, validationCode } from "./change-event.ts";
import { SecretsError } from "./errors.ts";
import { formatReference } from "./reference.ts";
import type { Targets } from "./targets.ts";

export interface NoticesEnvironment {
  readonly targets: Targets;
  /** What is held under a path serves no more. */
  drop(pathKey: string): void;
  /** Reads what has an open handle under a path. Never rejects. */
  reread(pathKey: string): Promise<void>;
}

interface Reading {
  readonly ends: Promise<void>;
  /** What was told meanwhile is read once more after it, once for all who told it. */
  next: Promise<void> | undefined;
}

/** `secrets.notify`: finds what an event is about, drops it, and reads it for the handles. `Secrets` has the documentation. */
export class Notices {
  readonly #environment: NoticesEnvironment;
  readonly #reading = new Map<string, Reading>();

  constructor(environment: NoticesEnvironment) {
    this.#environment = environment;
  }

  async notify(received: unknown): Promise<Notified> {
    const { drop } = this.#environment;
    let validationResponse: string | undefined;
    const pathKeys = new Set<string>();
    // All of them first: of a batch that is half wrong, nothing is done.
    for (const event of changeEvents(received)) {
      const code = validationCode(event);
      if (code !== undefined) validationResponse = code;
      else for (const pathKey of this.#pathKeys(event)) pathKeys.add(pathKey);
    }
    for (const pathKey of pathKeys) drop(pathKey);
    await Promise.all([...pathKeys].map((pathKey) => this.#read(pathKey)));
    return { references: [...pathKeys], ...(validationResponse === undefined ? {} : { handshake: { validationResponse } }) };
  }

  #read(pathKey: string): Promise<void> {
    const reading = this.#reading.get(pathKey);
    if (reading === undefined) return this.#start(pathKey);
    reading.next ??= reading.ends.then(() => this.#start(pathKey));
    return reading.next;
  }

  #start(pathKey: string): Promise<void> {
    const reading: Reading = { ends: this.#environment.reread(pathKey), next: undefined };
    this.#reading.set(pathKey, reading);
    void reading.ends.then(() => {
      if (reading.next === undefined) this.#reading.delete(pathKey);
    });
    return reading.ends;
  }

  /** What an event is about, as keys of paths. @throws SecretsError `invalid-argument` where no provider knows such an event. */
  #pathKeys(event: ChangeEvent): readonly string[] {
    const { targets } = this.#environment;
    const reference = namedReference(event);
    if (reference !== undefined) return [targets.of(reference).pathKey];
    let isKnown = false;
    const found: string[] = [];
    for (const [name, { provider }] of targets.providers()) {
      const paths = provider.changedPaths?.(event);
      if (paths === undefined) continue;
      isKnown = true;
      for (const path of paths) {
        const pathKey = this.#pathKey(name, path);
        if (pathKey !== undefined) found.push(pathKey);
      }
    }
    if (!isKnown) throw unknownEvent();
    return found;
  }

  /** Undefined for a name that no reference can hold, so that nobody can have asked for it. */
  #pathKey(name: string, path: string): string | undefined {
    try {
      return this.#environment.targets.of(formatReference({ provider: name, path })).pathKey;
    } catch (error) {
      if (error instanceof SecretsError && error.code === "invalid-argument") return undefined;
      throw error;
    }
  }
}
