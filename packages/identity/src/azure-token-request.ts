import { type CallContext, SecretsError } from "@keyhold/core";
import type { HttpResponse } from "@keyhold/http";
import type { AccessToken } from "./access-tokens.ts";
import { ask, objectOf, signInError } from "./ask.ts";
import type { AzureApplication } from "./azure-identity.ts";
import { bearerToken } from "./bearer-token.ts";

const what = "Entra ID";

/** Entra's own number of the problem, such as 7000215: the one part of its answer that holds nothing of the request. */
function problemOf(response: HttpResponse): string {
  try {
    const { error_codes: codes } = objectOf(response, what);
    const [first] = Array.isArray(codes) ? codes : [];
    return Number.isSafeInteger(first) ? ` (AADSTS${first})` : "";
  } catch {
    return "";
  }
}

/**
 * Asks Entra ID for a token of the application itself.
 *
 * @throws SecretsError `unauthenticated` when it refuses.
 * @see https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export async function requestAzureToken(
  { clientId, tokenUrl, tls }: AzureApplication,
  proof: Readonly<Record<string, string>>,
  scope: string,
  context: CallContext,
): Promise<AccessToken> {
  const form = { grant_type: "client_credentials", client_id: clientId, scope, ...proof };
  const response = await ask(
    { what, url: tokenUrl, tls, method: "POST", form, headers: { accept: "application/json" } },
    context,
  );
  if (response.status === 200) return bearerToken(objectOf(response, what), what, context);
  const hint = "Look its AADSTS number up at https://login.microsoftonline.com/error; it names what the application lacks.";
  const { code, message, retryAfterMs } = signInError(response, what, context, hint);
  throw new SecretsError(code, message + problemOf(response), { hint, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

/** How an application proves who it is by a signed token. https://www.rfc-editor.org/rfc/rfc7523 */
export const assertionProof = (assertion: string): Readonly<Record<string, string>> => ({
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  client_assertion: assertion,
});
