import { type Named, namedError } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import { SecretsError } from "./errors.ts";
import { checkedNumber } from "./options.ts";
import type { CallContext, Page, Provider, SecretSummary, VersionSummary } from "./provider.ts";
import { formatReference } from "./reference.ts";
import { runCall } from "./run-call.ts";
import type { CallOptions, ListedSecret } from "./secrets.ts";
import type { Target } from "./target.ts";

type Method = "write" | "remove" | "list" | "versions" | "check";

/** The calls to a driver that are no reads: each with its own deadline, never held, never shared. */
export class DriverCalls {
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  readonly #deadlineMs: number;

  constructor(clock: Clock, closing: AbortSignal, deadlineMs: number) {
    this.#clock = clock;
    this.#closing = closing;
    this.#deadlineMs = deadlineMs;
  }

  /** What bounds each call, for work that is made of several. */
  get limits(): { readonly clock: Clock; readonly closing: AbortSignal; readonly deadlineMs: number } {
    return { clock: this.#clock, closing: this.#closing, deadlineMs: this.#deadlineMs };
  }

  /** @throws SecretsError `unsupported` where the driver has no such method, before any call. */
  async call<T>(
    provider: Provider,
    named: Named,
    method: Method,
    options: CallOptions,
    work: (context: CallContext) => Promise<T>,
  ): Promise<T> {
    if (provider[method] === undefined) {
      throw new SecretsError("unsupported", `the ${provider.kind} provider has no ${method}`, {
        provider: named.provider,
        reference: named.reference,
        hint: "Its backend has no such thing, or this adapter does not offer it: docs/providers.md.",
      });
    }
    const deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, this.#deadlineMs, 1);
    try {
      return await runCall({ clock: this.#clock, deadlineMs, signals: [this.#closing, options.signal] }, work);
    } catch (error) {
      throw namedError(error, named, provider.kind);
    }
  }

  async *list(
    provider: Provider,
    name: string,
    prefix: string,
    options: CallOptions,
  ): AsyncGenerator<ListedSecret, void, undefined> {
    const named = { provider: name, reference: `${name}://` };
    const pages = this.#pages<SecretSummary>((cursor) =>
      this.call(provider, named, "list", options, (context) => provider.list!({ prefix, cursor }, context)),
    );
    for await (const item of pages) {
      const reference = referenceTo(name, item.path);
      if (reference !== undefined) yield { ...item, reference };
    }
  }

  versions(provider: Provider, target: Target, options: CallOptions): AsyncGenerator<VersionSummary, void, undefined> {
    const named = { provider: target.provider, reference: target.reference };
    return this.#pages((cursor) =>
      this.call(provider, named, "versions", options, (context) => provider.versions!(target.locator.path, { cursor }, context)),
    );
  }

  async *#pages<T>(page: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T, void, undefined> {
    let cursor: string | undefined;
    do {
      const { items, next }: Page<T> = await page(cursor);
      yield* items;
      cursor = next;
    } while (cursor !== undefined);
  }
}

/** Undefined for a name that no reference can hold, such as one with a `..` segment. */
function referenceTo(provider: string, path: string): string | undefined {
  try {
    return formatReference({ provider, path });
  } catch {
    return undefined;
  }
}
