import type { CallContext } from "@keyhold/core";
import type { AccessToken } from "./access-tokens.ts";
import { ask, objectOf, signInError } from "./ask.ts";
import { bearerToken } from "./bearer-token.ts";
import { demanded, type GoogleCredentials, optional } from "./google-credentials-file.ts";
import { googleSubjectToken } from "./google-subject-token.ts";

const what = "Google's security token service";

/**
 * The token of a workload that another issuer knows: its own token is exchanged for one of Google's.
 *
 * @throws SecretsError `unauthenticated` when Google refuses.
 * @see https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
 * @see https://google.aip.dev/auth/4117
 */
export async function externalAccountToken(
  credentials: GoogleCredentials,
  scope: string,
  context: CallContext,
): Promise<AccessToken> {
  const { json, tls } = credentials;
  const [clientId, clientSecret, project] = ["client_id", "client_secret", "workforce_pool_user_project"].map((name) =>
    optional(json, name),
  );
  // A workforce pool's project goes along where no client says which one it is.
  const options = clientId === undefined && project !== undefined ? JSON.stringify({ userProject: project }) : undefined;
  const basic = Buffer.from(`${clientId}:${clientSecret ?? ""}`).toString("base64");
  const response = await ask(
    {
      what,
      url: optional(json, "token_url") ?? "https://sts.googleapis.com/v1/token",
      tls,
      method: "POST",
      headers: clientId === undefined ? {} : { authorization: `Basic ${basic}` },
      form: {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
        audience: demanded(json, "audience"),
        scope,
        subject_token_type: demanded(json, "subject_token_type"),
        subject_token: await googleSubjectToken(credentials, context),
        options,
      },
    },
    context,
  );
  if (response.status === 200) return bearerToken(objectOf(response, what), what, context);
  throw signInError(
    response,
    what,
    context,
    "Check the pool's provider: its issuer, its allowed audiences, its attribute condition.",
  );
}
