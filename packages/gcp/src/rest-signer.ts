import type { CallContext } from "@keyhold/core";
import type { AccessTokens } from "@keyhold/identity";
import type { GoogleCredentialsLike } from "./gcp-options.ts";
import { signingHeaders } from "./google-credentials.ts";
import { untilEnded } from "./until-ended.ts";

export interface RestSigner {
  /** The headers that sign a request. */
  sign(context: CallContext): Promise<Readonly<Record<string, string>>>;
  /** Google refused these headers. True: there are others now. */
  reject(headers: Readonly<Record<string, string>>): boolean;
}

/** Whom a token is for is always the service itself, whatever the endpoint. */
const service = "https://secretmanager.googleapis.com/";
const scope = "https://www.googleapis.com/auth/cloud-platform";

const isSigning = (credentials: GoogleCredentialsLike | AccessTokens): credentials is GoogleCredentialsLike =>
  "getRequestHeaders" in credentials;

export function restSigner(credentials: GoogleCredentialsLike | AccessTokens): RestSigner {
  if (isSigning(credentials)) {
    return {
      sign: (context) => untilEnded(signingHeaders(credentials, service), context),
      // It holds its tokens itself, and hears of no refusal.
      reject: () => false,
    };
  }
  return {
    sign: async (context) => ({ authorization: `Bearer ${await credentials.get(scope, context)}` }),
    reject: ({ authorization = "" }) => credentials.reject(authorization.replace(/^Bearer /, "")),
  };
}
