import { type CallContext, SecretsError } from "@keyhold/core";
import { type AccessToken, type AccessTokens, heldTokens } from "./access-tokens.ts";
import { type GoogleTokensOptions, googleCredentials } from "./google-credentials-file.ts";
import { identityToken } from "./google-identity-token.ts";
import { impersonatedIdentity, impersonationOf } from "./google-impersonation.ts";
import { googleMetadata } from "./google-metadata.ts";
import { serviceAccountIdentity } from "./google-service-account.ts";
import { impersonatorToken } from "./google-tokens.ts";

async function googleIdentity(options: GoogleTokensOptions, audience: string, context: CallContext): Promise<AccessToken> {
  const credentials = await googleCredentials(options);
  if (credentials === undefined) {
    // The full form also tells which machine it is, as Vault and Conjur want to know.
    const query = { audience, format: "full" };
    const answer = await googleMetadata({ path: "identity", query }, options.environment ?? process.env, context);
    return identityToken(answer.text(), "Google's metadata server");
  }
  const impersonation = impersonationOf(credentials.json);
  if (impersonation !== undefined) {
    const token = await impersonatorToken(credentials, context);
    return impersonatedIdentity(impersonation, audience, { token, tls: credentials.tls }, context);
  }
  if (credentials.json.type === "service_account") return serviceAccountIdentity(credentials, audience, context);
  throw new SecretsError("unsupported", "these Google credentials give no identity token", {
    hint: "Use a service account's key, impersonation of a service account, or the metadata server.",
  });
}

/**
 * Identity tokens of this workload, which tell somebody else than Google who it is: the scope of `get` is their audience. They come
 * from where `googleTokens` finds credentials.
 *
 * @throws SecretsError, from `get`, as `googleTokens` does; `unsupported` for credentials that give no identity.
 * @see https://cloud.google.com/docs/authentication/get-id-token
 * @example
 * const jwt = await googleIdentityTokens().get("https://vault.internal/vault/ml", context);
 */
export function googleIdentityTokens(options: GoogleTokensOptions = {}): AccessTokens {
  return heldTokens((audience, context) => googleIdentity(options, audience, context));
}
