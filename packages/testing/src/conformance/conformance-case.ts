import type { CallContext, CallContextOptions, Content, Provider } from "@keyhold/core";
import type { Harness, Situation } from "../harness.ts";

/** The behaviours that the kit looks at, one file each. */
export type Behaviour =
  | "read"
  | "names"
  | "versions"
  | "write"
  | "remove"
  | "list"
  | "binary"
  | "errors"
  | "limits"
  | "abort and deadline"
  | "watch"
  | "leases"
  | "close";

/** What a case works with. Whatever it opens is closed after it. */
export interface CaseContext {
  readonly harness: Harness;
  /** A fresh provider, watched: every error that it gives is checked for what it carries. */
  readonly provider: Provider;
  /** Another instance, watched too. */
  create(): Promise<Provider>;
  /** A provider that fails in a known way, watched, and the call that does. */
  open(situation: Situation): Promise<{ readonly provider: Provider; run(context: CallContext): Promise<unknown> }>;
  /** A new path that ends with `suffix`, not made ready for a value: it may be one that the backend refuses. */
  nameOf(suffix?: string): string;
  /** A new legal path that ends with `suffix`, where nothing is yet. */
  path(suffix?: string): Promise<string>;
  /** A new text that no error may ever show. */
  value(): string;
  /** `text` as content for this backend; by default a new value. */
  content(text?: string): Content;
  /** Puts a content into the backend, by `seed` or by `write`. */
  put(path: string, content: Content, provider?: Provider): Promise<void>;
  /** A new path with a new value. */
  stored(suffix?: string): Promise<{ readonly path: string; readonly content: Content }>;
  call(options?: CallContextOptions): CallContext;
  /** Every value that was made here, and the harness's canaries. */
  secrets(): readonly string[];
}

/** One rule of the contract, and how it is shown to hold. */
export interface ConformanceCase {
  readonly behaviour: Behaviour;
  /** A sentence. `skip` names cases by it. */
  readonly title: string;
  /** Why this rule says nothing about a provider, where it does not. */
  readonly notApplicable?: (provider: Provider, harness: Harness) => string | undefined;
  run(context: CaseContext): Promise<void>;
}

/** The method without which a case says nothing. */
type Optional = "readMany" | "probe" | "write" | "remove" | "list" | "versions" | "watch" | "check" | "close";

/** Says that a case needs all of these methods. */
export function needs(...methods: readonly Optional[]): (provider: Provider) => string | undefined {
  return (provider) => {
    const missing = methods.filter((method) => provider[method] === undefined);
    return missing.length === 0 ? undefined : `the provider has no ${missing.join(" and no ")}`;
  };
}

/** The first reason that any of these gives. */
export function anyOf(
  ...conditions: readonly NonNullable<ConformanceCase["notApplicable"]>[]
): NonNullable<ConformanceCase["notApplicable"]> {
  return (provider, harness) => {
    for (const condition of conditions) {
      const reason = condition(provider, harness);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}
