import type { CallContext } from "@keyhold/core";
import { type AccessToken, type AccessTokens, heldTokens } from "./access-tokens.ts";
import { objectOf } from "./ask.ts";
import { bearerToken } from "./bearer-token.ts";
import { authorizedUserToken } from "./google-authorized-user.ts";
import {
  demandedObject,
  type GoogleCredentials,
  type GoogleTokensOptions,
  googleCredentials,
  unsupportedGoogleType,
} from "./google-credentials-file.ts";
import { externalAccountToken } from "./google-external-account.ts";
import { impersonatedToken, impersonationOf, impersonatorScope } from "./google-impersonation.ts";
import { googleMetadata } from "./google-metadata.ts";
import { serviceAccountToken } from "./google-service-account.ts";

async function ownToken(credentials: GoogleCredentials, scope: string, context: CallContext): Promise<AccessToken> {
  const { type } = credentials.json;
  if (type === "service_account") return serviceAccountToken(credentials, scope, context);
  if (type === "authorized_user") return authorizedUserToken(credentials, context);
  if (type === "external_account") return externalAccountToken(credentials, scope, context);
  throw unsupportedGoogleType();
}

/** The token of the one that impersonates, who may be impersonated in turn. */
export async function impersonatorToken(credentials: GoogleCredentials, context: CallContext): Promise<string> {
  const { json } = credentials;
  if (json.type !== "impersonated_service_account") return (await ownToken(credentials, impersonatorScope, context)).token;
  const source = { ...credentials, json: demandedObject(json, "source_credentials") };
  return (await tokenOf(source, impersonatorScope, context)).token;
}

async function tokenOf(credentials: GoogleCredentials, scope: string, context: CallContext): Promise<AccessToken> {
  const impersonation = impersonationOf(credentials.json);
  if (impersonation === undefined) return ownToken(credentials, scope, context);
  const token = await impersonatorToken(credentials, context);
  return impersonatedToken(impersonation, scope, { token, tls: credentials.tls }, context);
}

async function googleToken(options: GoogleTokensOptions, scope: string, context: CallContext): Promise<AccessToken> {
  const credentials = await googleCredentials(options);
  if (credentials !== undefined) return tokenOf(credentials, scope, context);
  const answer = await googleMetadata({ path: "token", query: { scopes: scope } }, options.environment ?? process.env, context);
  return bearerToken(objectOf(answer, "Google's metadata server"), "Google's metadata server", context);
}

/**
 * The tokens of this workload, as Application Default Credentials find them: the file that GOOGLE_APPLICATION_CREDENTIALS names
 * (service account key, workload identity federation, impersonation, authorised user), the one that `gcloud` leaves, the metadata
 * server.
 *
 * @throws SecretsError, from `get`, `unauthenticated` when there is none or Google refuses, `invalid-argument` for a file that is not
 * whole, `unsupported` for a type that is not read here.
 * @see https://cloud.google.com/docs/authentication/application-default-credentials
 * @example
 * const tokens = googleTokens();
 * const authorization = `Bearer ${await tokens.get("https://www.googleapis.com/auth/cloud-platform", context)}`;
 */
export function googleTokens(options: GoogleTokensOptions = {}): AccessTokens {
  return heldTokens((scope, context) => googleToken(options, scope, context));
}
