import type { CallContext } from "@keyhold/core";
import type { AccessToken } from "./access-tokens.ts";
import { ask, objectOf, signInError, unexpectedAnswer } from "./ask.ts";
import { demanded, type GoogleCredentials, optional } from "./google-credentials-file.ts";
import { identityToken } from "./google-identity-token.ts";
import { privateKeyOf, signJwt } from "./sign-jwt.ts";

const what = "Google's token service";
const lifetimeMs = 3_600_000;

function signed(json: GoogleCredentials["json"], claims: Readonly<Record<string, string>>, { clock }: CallContext): string {
  const email = demanded(json, "client_email");
  const key = privateKeyOf(demanded(json, "private_key"), "the service account's key");
  const now = Math.floor(clock.now() / 1000);
  const keyId = optional(json, "private_key_id");
  return signJwt(
    { iss: email, sub: email, iat: now, exp: now + lifetimeMs / 1000, ...claims },
    { algorithm: "RS256", header: keyId === undefined ? {} : { kid: keyId }, key },
  );
}

/**
 * The token of a service account: one that its key signs for itself, which Google's services take as they are, so that nobody has
 * to be asked.
 *
 * @see https://google.aip.dev/auth/4111
 */
export function serviceAccountToken({ json }: GoogleCredentials, scope: string, context: CallContext): AccessToken {
  return { token: signed(json, { scope }, context), expiresAt: context.clock.now() + lifetimeMs };
}

/**
 * The identity token of a service account, for an assertion that its key signs.
 *
 * @see https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
 */
export async function serviceAccountIdentity(
  { json, tls }: GoogleCredentials,
  audience: string,
  context: CallContext,
): Promise<AccessToken> {
  const url = optional(json, "token_uri") ?? "https://oauth2.googleapis.com/token";
  const assertion = signed(json, { aud: url, target_audience: audience }, context);
  const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
  const response = await ask({ what, url, tls, method: "POST", form }, context);
  if (response.status !== 200) {
    throw signInError(response, what, context, "Check that the key is still the service account's, and this machine's clock.");
  }
  const { id_token: token } = objectOf(response, what);
  if (typeof token !== "string") throw unexpectedAnswer(what);
  return identityToken(token, what);
}
