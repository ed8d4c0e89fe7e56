import type { CallContext } from "@keyhold/core";
import type { AccessToken } from "./access-tokens.ts";
import { ask, objectOf, signInError } from "./ask.ts";
import { bearerToken } from "./bearer-token.ts";
import { demanded, type GoogleCredentials, optional } from "./google-credentials-file.ts";

const what = "Google's token service";

/**
 * The token of the person who signed in by `gcloud auth application-default login`. Its scopes are those of that sign-in.
 *
 * @throws SecretsError `unauthenticated` when the sign-in has ended.
 * @see https://developers.google.com/identity/protocols/oauth2/web-server#offline
 */
export async function authorizedUserToken({ json, tls }: GoogleCredentials, context: CallContext): Promise<AccessToken> {
  const form = {
    grant_type: "refresh_token",
    client_id: demanded(json, "client_id"),
    client_secret: demanded(json, "client_secret"),
    refresh_token: demanded(json, "refresh_token"),
  };
  const url = optional(json, "token_uri") ?? "https://oauth2.googleapis.com/token";
  const response = await ask({ what, url, tls, method: "POST", form }, context);
  if (response.status === 200) return bearerToken(objectOf(response, what), what, context);
  throw signInError(response, what, context, "Run gcloud auth application-default login again.");
}
