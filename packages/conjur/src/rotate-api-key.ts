import { type CallContext, type Secret, SecretsError, secret } from "@keyhold/core";
import { type ConjurAuth, segment } from "./auth.ts";
import { notConjur } from "./conjur-error.ts";
import type { Transport } from "./transport.ts";

/** Rotates one's own API key by the key itself, or another's by the access token. */
export async function rotateApiKey(
  { transport, auth }: { readonly transport: Transport; readonly auth: ConjurAuth },
  { role }: { readonly role?: string },
  context: CallContext,
): Promise<Secret> {
  const own = role === undefined ? auth.apiKey : undefined;
  if (role === undefined && own === undefined) {
    throw new SecretsError("unsupported", "this provider does not sign in with an API key, so it has none of its own to rotate", {
      provider: "conjur",
      hint: 'Name the role whose key is rotated: { role: "host:app/web" }.',
    });
  }
  const path = `/authn/${segment(transport.account)}/api_key`;
  const headers = { authorization: own?.basic() };
  const response = await transport.send("rotate-api-key", { method: "PUT", path, query: { role }, headers }, context);
  const key = response.text();
  if (!/^\w+$/.test(key)) throw notConjur("Conjur's answer is no API key");
  own?.replace(key);
  return secret(key);
}
