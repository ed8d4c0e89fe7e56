import { SecretsError } from "@keyhold/core";
import { transportError } from "@keyhold/http";

/** What an error of a credential, or one below it, may look like. Read by name, and let go. */
interface CredentialFailure {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly status?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const signInErrors: ReadonlySet<unknown> = new Set([
  "AggregateAuthenticationError",
  "AuthenticationError",
  "AuthenticationRequiredError",
  "ClientConfigurationError",
  "CredentialUnavailableError",
]);

/** What names an outage in a code or a name. The Azure SDKs use the first two for a connection without a system's error. */
const outages: ReadonlySet<unknown> = new Set(["REQUEST_SEND_ERROR", "PARSE_ERROR", "AbortError", "TimeoutError"]);

/** The library below `@azure/identity` tells a network that is down by these words alone, and identity then calls it a refusal. */
const outageWords = /\b(?:endpoints_resolution_error|network_error)\b/;

const isOutage = ({ name, code, message }: CredentialFailure) =>
  outages.has(name) || outages.has(code) || (typeof message === "string" && outageWords.test(message));

/** The error, and those that it was made of. */
function failuresIn(thrown: unknown): readonly CredentialFailure[] {
  const found: CredentialFailure[] = [];
  const waiting: unknown[] = [thrown];
  while (waiting.length > 0 && found.length < 20) {
    const next = waiting.shift();
    if (typeof next !== "object" || next === null) continue;
    const failure: CredentialFailure = next;
    found.push(failure);
    waiting.push(failure.cause, ...(Array.isArray(failure.errors) ? failure.errors : []));
  }
  return found;
}

const unavailable = (message: string, hint?: string) => new SecretsError("unavailable", message, { provider: "azure", hint });

/**
 * The one table from errors of credentials to codes. An outage of the token service is no refusal: values that are held may be
 * served on through the one and not through the other. The messages hold answers of the token service, and are left behind.
 */
export function credentialError(thrown: unknown): SecretsError {
  const failures = failuresIn(thrown);
  const status = failures.map((failure) => failure.statusCode ?? failure.status).find((value) => typeof value === "number");
  if (status === 429) {
    return new SecretsError("rate-limited", "the token service answered with status 429", { provider: "azure" });
  }
  if (status !== undefined && (status >= 500 || status < 400)) {
    return unavailable(`the token service answered with status ${status}, and with no token`);
  }
  if (failures.some(isOutage)) {
    return unavailable("the token service cannot be reached", "Check authorityHost, and this machine's network and DNS.");
  }
  const system = failures.find(({ code }) => typeof code === "string" && /^[A-Z]+(?:_[A-Z]+)*$/.test(code));
  if (system !== undefined && status === undefined) return transportError(system, "the token service");
  if (failures.some(({ name }) => signInErrors.has(name))) return noToken();
  return new SecretsError("unknown", "the credential failed in a way of its own", {
    provider: "azure",
    hint: "What it says may hold what it was given, so it is not repeated here: call its getToken() by itself to see it.",
  });
}

/** Nobody is signed in, or the token service says no. */
export function noToken(): SecretsError {
  return new SecretsError("unauthenticated", "the credential could not sign in", {
    provider: "azure",
    hint: "Sign in, set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret or token file, give the workload an identity, or pass credential.",
  });
}
