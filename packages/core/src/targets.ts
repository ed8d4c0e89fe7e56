import { closedError } from "./client-errors.ts";
import { SecretsError } from "./errors.ts";
import type { NamedProvider } from "./reader.ts";
import { parseReference } from "./reference.ts";
import { type Target, targetOf } from "./target.ts";

const mostTargets = 10_000;

/**
 * What references mean to one client: its providers by name, and each reference with a field parsed once. One to a whole secret is
 * found in the cache by its own text, so that it is parsed only when more is asked of it. Empty after `close`.
 */
export class Targets {
  readonly #named = new Map<string, NamedProvider>();
  #known = new Map<string, Target>();
  #closed = false;

  add(name: string, provider: NamedProvider): void {
    this.#named.set(name, provider);
  }

  /** A reference that was parsed before, and is not itself the key of what it names. */
  known(reference: string): Target | undefined {
    return this.#known.get(reference);
  }

  /** @throws SecretsError `invalid-argument` for a malformed reference or an unknown provider, `closed` after `close`. */
  of(reference: string): Target {
    const known = this.#known.get(reference);
    if (known) return known;
    if (this.#closed) throw closedError();
    const parsed = parseReference(reference);
    const { provider } = this.provider(parsed.provider);
    const target = targetOf({ ...parsed, path: provider.canonicalPath?.(parsed.path) ?? parsed.path }, reference);
    if (target.reference === target.key && target.key === reference) return target;
    // Bounded by starting over: references come from code and config, so there are few.
    if (this.#known.size >= mostTargets) this.#known = new Map();
    this.#known.set(reference, target);
    return target;
  }

  /** @throws SecretsError `invalid-argument` for an unknown name, `closed` after `close`. */
  provider(name: string): NamedProvider {
    if (this.#closed) throw closedError();
    const named = this.#named.get(name);
    if (named) return named;
    throw new SecretsError("invalid-argument", `no provider is named ${name}`, {
      hint: `Providers of this client: ${[...this.#named.keys()].join(", ") || "none"}. Check the spelling, or add it to the providers.`,
    });
  }

  providers(): IterableIterator<[string, NamedProvider]> {
    return this.#named.entries();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#known = new Map();
  }
}
