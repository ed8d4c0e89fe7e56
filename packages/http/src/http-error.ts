import { type Clock, type ErrorCode, SecretsError } from "@keyhold/core";
import type { HttpResponse } from "./http-response.ts";
import { retryAfterMs } from "./retry-after.ts";

export interface HttpErrorOptions {
  /** The provider's kind, such as `conjur`. */
  readonly provider: string;
  /** Codes that differ from the usual ones, by status. */
  readonly codes?: Readonly<Record<number, ErrorCode>>;
  /** What the reader can do about it, where the adapter knows better than the status. */
  readonly hint?: string;
  readonly clock: Clock;
}

const usualCodes: Readonly<Record<number, ErrorCode>> = {
  400: "invalid-argument",
  401: "unauthenticated",
  403: "permission-denied",
  404: "not-found",
  405: "unsupported",
  408: "timeout",
  409: "conflict",
  412: "conflict",
  413: "invalid-argument",
  422: "invalid-argument",
  429: "rate-limited",
};

const usualHints: { readonly [code in ErrorCode]?: string } = {
  unauthenticated: "The credential is missing, wrong or expired: check the provider's auth options.",
  "permission-denied": "The server knows who asks, and its policy does not allow this.",
  "rate-limited": "Fewer calls, or a higher quota at the server.",
  unavailable: "The server has a problem of its own; its status page or log tells which.",
};

/**
 * The error that an answer stands for. Without `codes`: 400, 413 and 422 invalid-argument, 401 unauthenticated, 403
 * permission-denied, 404 not-found, 405 unsupported, 408 timeout, 409 and 412 conflict, 429 rate-limited, 5xx unavailable,
 * anything else unknown. `Retry-After` becomes `retryAfterMs`. Nothing of the body and no other header goes into it.
 */
export function httpError(response: Pick<HttpResponse, "status" | "header">, options: HttpErrorOptions): SecretsError {
  const { status } = response;
  const code = options.codes?.[status] ?? usualCodes[status] ?? (status >= 500 ? "unavailable" : "unknown");
  const hint = options.hint ?? usualHints[code];
  const waitMs = retryAfterMs(response.header("retry-after"), options.clock);
  return new SecretsError(code, `${options.provider} answered with status ${status}`, {
    provider: options.provider,
    ...(hint === undefined ? {} : { hint }),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}
