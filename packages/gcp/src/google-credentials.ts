import { isSecretsError, SecretsError } from "@keyhold/core";
import { transportError } from "@keyhold/http";
import type { GoogleCredentialsLike } from "./gcp-options.ts";
import { codeOf } from "./thrown-by-sdk.ts";

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

/** No `Headers`: it costs more to load than all else here. */
function plainHeaders(given: Awaited<ReturnType<GoogleCredentialsLike["getRequestHeaders"]>>): Record<string, string> {
  const pairs = Symbol.iterator in given ? [...given] : Object.entries(given);
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), headerValue(value)]));
}

/** As `Headers` has it: without white space around it, and none of the characters that end a header. */
function headerValue(value: string): string {
  const trimmed = value.trim();
  if (!/^[\t\x20-\x7e]*$/.test(trimmed)) throw new TypeError("no value of a header");
  return trimmed;
}

/** The headers that sign a request. @throws SecretsError `unauthenticated`, or `unavailable` where the token service is. */
export async function signingHeaders(credentials: GoogleCredentialsLike, url: string): Promise<Record<string, string>> {
  try {
    return plainHeaders(await credentials.getRequestHeaders(url));
  } catch (thrown) {
    throw signInError(thrown);
  }
}
