import { isSecretsError, SecretsError } from "@keyhold/core";
import { transportError } from "@keyhold/http";
import { canonicalCodes, gcpError } from "./gcp-error.ts";
import { notGoogles } from "./not-googles.ts";

/** What an error of the SDK may look like. Read, and let go. */
interface SdkError {
  /** The canonical code's number. */
  readonly code?: unknown;
  readonly details?: unknown;
  readonly cause?: unknown;
}

/** What grpc-js says of a connection in words alone, and Node's code for the same. The first that fits counts. */
const connectionProblems: readonly (readonly [words: RegExp, code: string])[] = [
  [/certificate has expired/, "CERT_HAS_EXPIRED"],
  [/certificate is not yet valid/, "CERT_NOT_YET_VALID"],
  [/does not match certificate's altnames/, "ERR_TLS_CERT_ALTNAME_INVALID"],
  [/certificate|unable to get/, "SELF_SIGNED_CERT_IN_CHAIN"],
  [/SSL routines/, "EPROTO"],
  [/Name resolution failed/, "ENOTFOUND"],
  [/\bE(?:CONNREFUSED|CONNRESET|TIMEDOUT|PIPE)\b/, ""],
];

const peer = "Google Secret Manager";

/** What an error of the SDK means. Its words are compared with known ones, and none is passed on. */
export function sdkError(thrown: unknown): SecretsError {
  if (isSecretsError(thrown)) return thrown;
  const { code, details, cause } = (thrown ?? {}) as SdkError;
  // What our own fetch threw, over REST.
  if (isSecretsError(cause)) return cause;
  const canonical = typeof code === "number" ? canonicalCodes[code] : undefined;
  const words = typeof details === "string" ? details : "";
  if (canonical === "UNAVAILABLE" && /^(?:No connection established|Name resolution failed)/.test(words)) {
    for (const [pattern, nodeCode] of connectionProblems) {
      const found = pattern.exec(words);
      if (found) return transportError({ code: nodeCode || found[0] }, peer);
    }
  }
  // No quota: grpc-js itself refuses a length over the limit, and takes the first letters of a web page for one.
  if (canonical === "RESOURCE_EXHAUSTED" && words.startsWith("Received message larger than max")) {
    return notGoogles();
  }
  if (canonical === "UNKNOWN" && words.startsWith("Received HTTP status code")) {
    const what = `${peer}: a redirect, or another answer that is not gRPC`;
    return new SecretsError("unavailable", what, { provider: "gcp", hint: notGoogles().hint, retryable: false });
  }
  return gcpError(canonical === undefined ? {} : { code: canonical });
}
