import { type CallContext, SecretsError } from "@keyhold/core";
import { type HttpResponse, retryAfterMs } from "@keyhold/http";
import { azureError } from "./azure-error.ts";

const elsewhere = () =>
  new SecretsError("decode", "Azure Key Vault: the answer names a page on another host", {
    provider: "azure",
    hint: "Something between here and the vault answered in its place: check vaultUrl and the proxy.",
  });

/** Path and query of a link, which must lead to the vault itself. */
export function pathIn(origin: string, link: string): string {
  const url = URL.parse(link);
  if (url?.origin !== origin) throw elsewhere();
  return url.pathname + url.search;
}

interface ErrorBody {
  readonly error?: { readonly code?: unknown; readonly innererror?: { readonly code?: unknown } };
}

/** What an answer with a status of failure means. Its body is read for its codes, and left behind. */
export function vaultError(response: HttpResponse, { clock }: CallContext): SecretsError {
  let body: ErrorBody | null = null;
  try {
    body = response.json() as ErrorBody | null;
  } catch {
    // A gateway's page: the status says enough.
  }
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return azureError({
    status: response.status,
    code: text(body?.error?.code),
    innerCode: text(body?.error?.innererror?.code),
    retryAfterMs: retryAfterMs(response.header("retry-after"), clock),
  });
}

/** Path and query of a cursor, which comes back from a caller and must not lead elsewhere. */
export function pathOfCursor(cursor: string): string {
  if (/^\/(?:deleted)?secrets[/?]/.test(cursor)) return cursor;
  throw new SecretsError("invalid-argument", "this is no cursor of a list", {
    provider: "azure",
    hint: "Give `next` of the page before.",
  });
}

/** Whether an answer is about a secret, as each to a change is: a web page with 200 has changed nothing. */
export function isBundle(json: unknown): boolean {
  return typeof (json as { readonly id?: unknown } | null)?.id === "string";
}

/** What a vault would not send. */
export function notKeyVaults(): SecretsError {
  return new SecretsError("decode", "Azure Key Vault: the answer is not one of Key Vault's", {
    provider: "azure",
    hint: "Something between here and the vault answered in its place: check vaultUrl and the proxy.",
  });
}

/** A challenge names a service that the host does not belong to: the token that it asks for could be used there. */
export function foreignChallenge(): SecretsError {
  return new SecretsError("unauthenticated", "the vault asks for a token that is meant for another host", {
    provider: "azure",
    hint: "Check vaultUrl. For a private endpoint under a name of your own, set disableChallengeResourceVerification.",
  });
}
