import type { CallContext, Content, ErrorCode, Locator, Provider } from "@keyhold/core";

/** Where a provider fails in a known way. */
export interface Situation {
  /** Closed by the kit when the test is over. */
  readonly provider: Provider;
  /** What is read. Default: a path where nothing is. */
  readonly locator?: Locator;
  /** The call that fails, where it is not `read`. */
  readonly call?: (provider: Provider, context: CallContext) => Promise<unknown>;
  /** Puts right what was broken. */
  readonly end?: () => unknown;
}

/** Tests that are left out, and why. */
export interface Skip {
  readonly reason: string;
  /** Titles of tests, as they are printed. One that does not exist fails. */
  readonly tests: readonly string[];
}

/** Codes that a provider can never give, and why. */
export interface NotApplicable {
  readonly reason: string;
  readonly codes: readonly ErrorCode[];
}

/** Names that the backend cannot hold, and why. */
export interface RefusedNames {
  readonly reason: string;
  /** What such a name has in it, such as `/[^0-9a-zA-Z-]/`. */
  readonly pattern: RegExp;
}

/** What the kit has to know about a provider and the backend behind it. Only `create` is always needed. */
export interface Harness {
  /** A new provider that works. Called once or more for each test; the kit closes what it gets. */
  create(): Provider | Promise<Provider>;
  /** Puts a value into the backend by another way than the provider, a new version where there is one. Default: `write`. */
  seed?(path: string, content: Content): unknown;
  /** Makes a legal path of a name that the kit thought up, such as `kit-7f3k2a-4`. Default: the name itself. */
  path?(name: string): string;
  /** Called for each path before it is used, where a backend wants it declared. */
  prepare?(path: string): unknown;
  /**
   * For each error code, where the provider gives it. The kit drives `not-found`, `aborted` and, where the methods are there,
   * `invalid-argument`, `conflict` and `closed` itself. For `timeout`: a backend that never answers.
   */
  readonly breakIt?: { readonly [Code in ErrorCode]?: () => Situation | Promise<Situation> };
  readonly notApplicable?: readonly NotApplicable[];
  readonly skip?: readonly Skip[];
  /** Passwords, tokens and keys in play, of 8 characters and more: no error and no print of the provider may show one. */
  canaries?(): readonly string[];
  /** The largest value that the backend takes, in bytes. */
  readonly maxBytes?: number;
  /** Names that are refused: then a write there must be `invalid-argument`, and a read that or `not-found`. Default: none. */
  readonly refusedNames?: RefusedNames;
  /** Why an empty value is refused, where it is: then it must be `invalid-argument`. */
  readonly emptyRefused?: string;
  /** Why writing an equal value again adds no version, where that is so. */
  readonly equalValueKept?: string;
  /** A stage that stands on the current version. Needed where there are stages. */
  readonly stage?: string;
  /** Where a value with a lease is read. Needed where there are leases. */
  leased?(): Locator | Promise<Locator>;
  /** How many versions, or secrets, it takes to fill more than one page. Default: 7. */
  readonly pageItems?: number;
  /** How soon a watch tells a change, in milliseconds. Default: 5,000. */
  readonly watchWithinMs?: number;
  /** How long one test may take, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
}
