import { type ErrorCode, SecretsError } from "@keyhold/core";

/**
 * Google's canonical codes in the order of their numbers, from 0.
 * https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
 */
export const canonicalCodes = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

export type CanonicalCode = (typeof canonicalCodes)[number];

const codes: { readonly [Code in CanonicalCode]?: ErrorCode } = {
  INVALID_ARGUMENT: "invalid-argument",
  OUT_OF_RANGE: "invalid-argument",
  NOT_FOUND: "not-found",
  ALREADY_EXISTS: "conflict",
  ABORTED: "conflict",
  // A disabled or destroyed version, or an etag that has moved on. It is there, and its state forbids the call: neither not-found,
  // which would hide a mistake, nor permission-denied, which sends its reader to IAM for a role that would not help.
  FAILED_PRECONDITION: "conflict",
  PERMISSION_DENIED: "permission-denied",
  UNAUTHENTICATED: "unauthenticated",
  RESOURCE_EXHAUSTED: "rate-limited",
  INTERNAL: "unavailable",
  UNAVAILABLE: "unavailable",
  DEADLINE_EXCEEDED: "timeout",
  UNIMPLEMENTED: "unsupported",
};

const hints: { readonly [Code in CanonicalCode]?: string } = {
  INVALID_ARGUMENT: "Check the name, the labels and the size of the value (65,536 bytes at most) against Google's limits.",
  NOT_FOUND: "Check the name, the version or alias, the project, and for a regional secret the location.",
  ALREADY_EXISTS: "There is such a secret already.",
  ABORTED: "Somebody else changes it at the same time: try again.",
  FAILED_PRECONDITION:
    "The version is disabled or destroyed (enableVersion() brings a disabled one back), or somebody else changed the secret meanwhile.",
  PERMISSION_DENIED:
    "Reading needs roles/secretmanager.secretAccessor, adding versions roles/secretmanager.secretVersionManager. " +
    "Google answers the same for a secret that is not there to those who may not look.",
  UNAUTHENTICATED: "The access token is missing, has expired or is for something else: sign in again or correct the credentials.",
  RESOURCE_EXHAUSTED: "Raise the cache's time to live, or ask Google for a higher quota of the project.",
  UNIMPLEMENTED: "Something else than Secret Manager may answer at apiEndpoint.",
};

export interface GoogleFailure {
  /** The canonical code's name, where there is one. */
  readonly code?: string;
  /** The HTTP status, over REST. */
  readonly status?: number;
  readonly retryAfterMs?: number;
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === undefined) return "unknown";
  if (status === 429) return "rate-limited";
  if (status >= 500) return "unavailable";
  if (status === 401) return "unauthenticated";
  if (status === 403) return "permission-denied";
  if (status === 404) return "not-found";
  if (status === 400) return "invalid-argument";
  return "unknown";
}

const isCanonical = (code: string | undefined): code is CanonicalCode => canonicalCodes.includes(code as CanonicalCode);

/** The one table from Google's errors to codes. Google's own message is left behind: it may hold what was sent. */
export function gcpError({ code, status, retryAfterMs }: GoogleFailure): SecretsError {
  const canonical = isCanonical(code) ? code : undefined;
  const found = canonical ? (codes[canonical] ?? "unknown") : codeOfStatus(status);
  const label = canonical ?? (status === undefined ? "the SDK failed in a way of its own" : `HTTP ${status}`);
  const hint = canonical && hints[canonical];
  return new SecretsError(found, `Google Secret Manager: ${label}`, { provider: "gcp", hint, retryAfterMs });
}
