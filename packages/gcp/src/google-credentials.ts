import { isSecretsError, SecretsError } from "@keyhold/core";
import { transportError } from "@keyhold/http";
import type { GoogleCredentialsLike } from "./gcp.ts";
import { codeOf } from "./thrown-by-sdk.ts";

interface AuthClient {
  getRequestHeaders(url: string): Promise<Headers>;
}

/** The credentials in the shape in which the SDK wants an auth client: headers as `Headers`. */
export function authClient(credentials: GoogleCredentialsLike): AuthClient {
  return {
    async getRequestHeaders(url) {
      const headers = await credentials.getRequestHeaders(url);
      return new Headers(Symbol.iterator in headers ? [...headers].map(([name, value]) => [name, value]) : { ...headers });
    },
  };
}

const network = /^(?:E(?:CONN|AI_|HOST|NET|PIPE|NOTFOUND|TIMEDOUT|PROTO)|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL)/;

/** Why no token came. Only codes are read: what Google's auth library throws has requests with keys in them. */
function signInError(thrown: unknown): SecretsError {
  if (isSecretsError(thrown)) return thrown;
  const code = codeOf(thrown, network);
  if (code !== undefined) return transportError({ code }, "Google's token service");
  const { status } = (thrown ?? {}) as { readonly status?: unknown };
  if (typeof status === "number" && (status === 429 || status >= 500)) {
    return new SecretsError("unavailable", `Google's token service answered with status ${status}`, { provider: "gcp" });
  }
  return new SecretsError("unauthenticated", "Google Secret Manager: there is no access token to be had", {
    provider: "gcp",
    hint:
      "Run gcloud auth application-default login, set GOOGLE_APPLICATION_CREDENTIALS, give the workload a service account, " +
      "or pass credentials to gcp().",
  });
}

/** The headers that sign a request. @throws SecretsError `unauthenticated`, or `unavailable` where the token service is. */
export async function signingHeaders(auth: AuthClient, url: string): Promise<Record<string, string>> {
  try {
    return Object.fromEntries(await auth.getRequestHeaders(url));
  } catch (thrown) {
    throw signInError(thrown);
  }
}
