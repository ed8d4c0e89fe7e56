import { type CallContext, SecretsError } from "@keyhold/core";
import type { AccessToken } from "./access-tokens.ts";
import { ask, objectOf, signInError, unexpectedAnswer } from "./ask.ts";
import { type GoogleCredentials, optional } from "./google-credentials-file.ts";
import { identityToken } from "./google-identity-token.ts";

export interface Impersonation {
  /** `…/serviceAccounts/EMAIL:generateAccessToken`, as credentials files have it. */
  readonly url: string;
  readonly delegates: readonly string[];
  readonly lifetimeS: number;
}

const what = "Google's service account credentials";
const hint = "The caller needs roles/iam.serviceAccountTokenCreator on the service account, and the API must be enabled.";

/** What scope the one needs that impersonates. */
export const impersonatorScope = "https://www.googleapis.com/auth/cloud-platform";

/** Whom a credentials file wants impersonated, if anybody. @throws SecretsError `invalid-argument` for an address that is none. */
export function impersonationOf(json: GoogleCredentials["json"]): Impersonation | undefined {
  const url = optional(json, "service_account_impersonation_url");
  if (url === undefined) return undefined;
  if (!url.endsWith(":generateAccessToken")) {
    throw new SecretsError("invalid-argument", "service_account_impersonation_url in Google's credentials is not one", {
      hint: "It ends with :generateAccessToken.",
    });
  }
  const { service_account_impersonation: settings, delegates } = json;
  const { token_lifetime_seconds: seconds } = (settings ?? {}) as Record<string, unknown>;
  return {
    url,
    delegates: Array.isArray(delegates) ? delegates.filter((delegate) => typeof delegate === "string") : [],
    lifetimeS: typeof seconds === "number" ? seconds : 3600,
  };
}

interface Caller extends Pick<GoogleCredentials, "tls"> {
  readonly token: string;
}

async function generate(url: string, body: object, { token, tls }: Caller, context: CallContext) {
  const headers = { authorization: `Bearer ${token}` };
  const response = await ask({ what, url, tls, method: "POST", json: body, headers }, context);
  if (response.status !== 200) throw signInError(response, what, context, hint);
  return objectOf(response, what);
}

/** @see https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
export async function impersonatedToken(
  { url, delegates, lifetimeS }: Impersonation,
  scope: string,
  caller: Caller,
  context: CallContext,
): Promise<AccessToken> {
  const body = { scope: scope.split(" "), lifetime: `${lifetimeS}s`, delegates };
  const { accessToken: token, expireTime } = await generate(url, body, caller, context);
  const expiresAt = typeof expireTime === "string" ? Date.parse(expireTime) : Number.NaN;
  if (typeof token !== "string" || token === "" || Number.isNaN(expiresAt)) throw unexpectedAnswer(what);
  return { token, expiresAt };
}

/** @see https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken */
export async function impersonatedIdentity(
  { url, delegates }: Impersonation,
  audience: string,
  caller: Caller,
  context: CallContext,
): Promise<AccessToken> {
  const body = { audience, includeEmail: true, delegates };
  const { token } = await generate(url.replace(/:generateAccessToken$/, ":generateIdToken"), body, caller, context);
  if (typeof token !== "string") throw unexpectedAnswer(what);
  return identityToken(token, what);
}
