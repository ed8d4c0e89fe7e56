import { type ErrorCode, SecretsError } from "@keyhold/core";
import type { ApiStatus } from "./transport.ts";

/** https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/types.go (StatusReason) */
const codes: Readonly<Record<string, ErrorCode>> = {
  Unauthorized: "unauthenticated",
  Forbidden: "permission-denied",
  NotFound: "not-found",
  AlreadyExists: "conflict",
  Conflict: "conflict",
  // The place in a list that a cursor names is forgotten after some minutes.
  Gone: "invalid-argument",
  Expired: "invalid-argument",
  Invalid: "invalid-argument",
  BadRequest: "invalid-argument",
  RequestEntityTooLarge: "invalid-argument",
  MethodNotAllowed: "unsupported",
  NotAcceptable: "unsupported",
  UnsupportedMediaType: "unsupported",
  TooManyRequests: "rate-limited",
  ServerTimeout: "unavailable",
  Timeout: "timeout",
  InternalError: "unavailable",
  ServiceUnavailable: "unavailable",
  StoreReadError: "unavailable",
};

const statusCodes: Readonly<Record<number, ErrorCode>> = {
  400: "invalid-argument",
  401: "unauthenticated",
  403: "permission-denied",
  404: "not-found",
  405: "unsupported",
  406: "unsupported",
  408: "timeout",
  409: "conflict",
  410: "invalid-argument",
  413: "invalid-argument",
  415: "unsupported",
  422: "invalid-argument",
  429: "rate-limited",
};

const hints: { readonly [Code in ErrorCode]?: string } = {
  "not-found": "Check the name, and the namespace before it: a name alone lies in the default one.",
  "permission-denied":
    "Allow this account the verb on secrets in that namespace by a Role; a quota or an admission policy refuses in the same way.",
  unauthenticated: "The token or client certificate is missing, expired or of another cluster: sign in again.",
  "invalid-argument": "Check names, labels and sizes against Kubernetes' rules.",
  conflict: "Read the secret again, and write with the version that it has then.",
  unsupported: "The API server is too old, or something else answers at its address.",
  "rate-limited": "The API server asks to wait: raise the cache's time to live.",
  unavailable: "The API server or its store cannot answer now: see its health at /readyz.",
  timeout: "The API server could not finish in time: its store may be slow.",
};

interface Special {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

/** Failures whose reason alone misleads; told apart by the details, never by the message, which quotes names and values. */
function special({ reason, details }: ApiStatus): Special | undefined {
  const causes = details?.causes ?? [];
  if (reason === "Invalid" && causes.some((cause) => cause.reason === "FieldValueForbidden" && isFixed(cause.field)))
    return {
      code: "conflict",
      what: "the secret is immutable",
      hint: "Remove it and create it anew, or write to another name and refer to that.",
    };
  if (reason === "Forbidden" && causes.some((cause) => cause.reason === "NamespaceTerminating"))
    return { code: "conflict", what: "the namespace is being deleted", hint: "Write to another namespace." };
  if (reason === "NotFound" && details?.kind === "namespaces")
    return { code: "not-found", what: "there is no such namespace", hint: "Create the namespace first, or correct its name." };
  if (reason === "Expired" || reason === "Gone")
    return { code: "invalid-argument", what: reason, hint: "The cursor is too old: list again from the start." };
  return undefined;
}

const isFixed = (field: string | undefined): boolean => field === "data" || field === "immutable";

function codeOfStatus(status: number): ErrorCode {
  return statusCodes[status] ?? (status >= 500 ? "unavailable" : "unknown");
}

export interface KubernetesFailure {
  readonly status: number;
  /** What the server says, where it is the API server that says something. */
  readonly answer?: ApiStatus;
  readonly retryAfterMs?: number;
}

/** The one table from Kubernetes' reasons to codes. The server's message is left behind: it names accounts and quotes what was sent. */
export function kubernetesError({ status, answer = {}, retryAfterMs }: KubernetesFailure): SecretsError {
  const { reason = "", details } = answer;
  const known = Object.hasOwn(codes, reason) ? codes[reason] : undefined;
  const found = special(answer);
  const code = found?.code ?? known ?? codeOfStatus(status);
  const seconds = details?.retryAfterSeconds;
  const waitMs = retryAfterMs ?? (typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined);
  return new SecretsError(code, `Kubernetes: ${found?.what ?? (known ? reason : `HTTP ${status}`)}`, {
    provider: "kubernetes",
    hint: found?.hint ?? hints[code],
    retryAfterMs: waitMs,
  });
}
