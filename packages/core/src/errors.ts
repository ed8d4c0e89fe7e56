/** What went wrong, in the same words for every provider. `docs/errors.md` says what to do about each. */
export type ErrorCode =
  | "not-found"
  | "permission-denied"
  | "unauthenticated"
  | "invalid-argument"
  | "rate-limited"
  | "unavailable"
  | "timeout"
  | "aborted"
  | "conflict"
  | "unsupported"
  | "decode"
  | "closed"
  | "unknown";

/** Every code, in the order of `docs/errors.md`. */
export const errorCodes: readonly ErrorCode[] = Object.freeze([
  "not-found",
  "permission-denied",
  "unauthenticated",
  "invalid-argument",
  "rate-limited",
  "unavailable",
  "timeout",
  "aborted",
  "conflict",
  "unsupported",
  "decode",
  "closed",
  "unknown",
]);

export interface SecretsErrorOptions {
  /** What the reader can do about it. Never a value. */
  readonly hint?: string;
  /** The provider's name in references, or its kind where a driver throws. The client fills in the name. */
  readonly provider?: string;
  /** The reference, as `formatReference` writes it. The client fills it in. */
  readonly reference?: string;
  /** Whether the same call may succeed later. By default it follows from the code. */
  readonly retryable?: boolean;
  /** How long the backend asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The failures behind this one, when several happened together. */
  readonly errors?: readonly SecretsError[];
}

const brand: unique symbol = Symbol.for("@keyhold/error") as never;
const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["rate-limited", "unavailable", "timeout"]);

/**
 * The one error that Keyhold throws. Switch on `code`.
 *
 * It has no `cause`: a vendor's error carries request headers, tokens and bodies, so a driver takes the facts out of it
 * and lets it go. Neither message nor hint ever holds a value.
 */
export class SecretsError extends Error {
  static {
    Object.defineProperty(SecretsError.prototype, "name", { value: "SecretsError", configurable: true, writable: true });
    Object.defineProperty(SecretsError.prototype, brand, { value: true });
  }

  readonly code: ErrorCode;
  /** True when the same call may succeed later: rate-limited, unavailable, timeout, or as the driver said. */
  readonly retryable: boolean;
  declare readonly retryAfterMs?: number;
  declare readonly provider?: string;
  declare readonly reference?: string;
  declare readonly hint?: string;
  declare readonly errors?: readonly SecretsError[];

  constructor(code: ErrorCode, message: string, options: SecretsErrorOptions = {}) {
    super(message);
    this.code = code;
    this.retryable = options.retryable ?? retryableCodes.has(code);
    // Only what is known becomes a property, so that a printed error has no `undefined` lines.
    for (const name of ["retryAfterMs", "provider", "reference", "hint", "errors"] as const) {
      const value = options[name];
      // A time to wait that is none, as what a driver made of a header that is garbage, would be waited for as no time at all.
      if (name === "retryAfterMs" && !((value as number) >= 0)) continue;
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true, configurable: true, writable: true });
    }
  }

  toJSON(): Record<string, unknown> {
    return { ...(this as object), name: this.name, message: this.message };
  }
}

/**
 * Whether a thrown value is a `SecretsError`, also one made by another copy of this package. Optionally of one of `codes`.
 *
 * @example
 * if (isSecretsError(error, "not-found")) return undefined;
 */
export function isSecretsError(value: unknown, ...codes: ErrorCode[]): value is SecretsError {
  if (typeof value !== "object" || value === null) return false;
  if ((value as Record<symbol, unknown>)[brand] !== true) return false;
  return codes.length === 0 || codes.includes((value as SecretsError).code);
}
