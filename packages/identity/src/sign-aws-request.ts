import { SecretsError } from "@keyhold/core";
import type { AwsCredentials } from "./aws-credentials.ts";
import {
  type AwsRequest,
  type CanonicalOptions,
  canonicalAwsRequest,
  encodeAws,
  sha256Hex,
  signableHeaders,
} from "./canonical-aws-request.ts";

export interface AwsSigningOptions extends CanonicalOptions {
  readonly credentials: AwsCredentials;
  readonly region: string;
  /** The name that the service signs under, such as `secretsmanager` or `sts`. */
  readonly service: string;
  /** Milliseconds since 1970: the clock's `now()`, corrected by the server's skew where that is known. AWS allows 5 minutes. */
  readonly signedAt: number;
}

export interface AwsPresigningOptions extends AwsSigningOptions {
  /** How long the URL works, in seconds. */
  readonly expiresInSeconds: number;
}

const algorithm = "AWS4-HMAC-SHA256";

/** 20150830T123600Z. */
function basicTime(at: number): string {
  try {
    return `${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  } catch {
    throw new SecretsError("invalid-argument", "signedAt is not a time in milliseconds since 1970");
  }
}

function checked({ accessKeyId, secretAccessKey }: AwsCredentials): void {
  if (accessKeyId && secretAccessKey) return;
  throw new SecretsError("unauthenticated", "the AWS credentials have no keys", {
    hint: "The credential provider must give accessKeyId and secretAccessKey.",
  });
}

const scopeOf = ({ region, service }: AwsSigningOptions, time: string): string =>
  `${time.slice(0, 8)}/${region}/${service}/aws4_request`;

function signature(request: AwsRequest, options: AwsSigningOptions, time: string): string {
  const { createHmac } = process.getBuiltinModule("node:crypto");
  const scope = scopeOf(options, time);
  // The key is derived from the parts of its scope, one after another.
  const key = scope
    .split("/")
    .reduce<string | Buffer>(
      (derived, part) => createHmac("sha256", derived).update(part).digest(),
      `AWS4${options.credentials.secretAccessKey}`,
    );
  const text = [algorithm, time, scope, sha256Hex(canonicalAwsRequest(request, options))].join("\n");
  return createHmac("sha256", key).update(text).digest("hex");
}

/**
 * Signs a request (Signature Version 4) and gives its headers: those of the request, names in lower case, with `host`, `x-amz-date`,
 * `x-amz-security-token` for temporary credentials, and `authorization`.
 *
 * @throws SecretsError `unauthenticated` for credentials without keys, `invalid-argument` for a path that is not encoded.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @example
 * const headers = signAwsRequest(
 *   { method: "POST", host: "sts.eu-west-1.amazonaws.com", path: "/", headers: { "content-type": type }, body },
 *   { credentials: await provider(context), region: "eu-west-1", service: "sts", signedAt: context.clock.now() },
 * );
 */
export function signAwsRequest(request: AwsRequest, options: AwsSigningOptions): Record<string, string> {
  const { credentials } = options;
  checked(credentials);
  const time = basicTime(options.signedAt);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) if (value !== undefined) headers[name.toLowerCase()] = value;
  headers.host = request.host;
  headers["x-amz-date"] = time;
  if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken;
  const signed = { ...request, headers };
  const names = [...signableHeaders(signed).keys()].join(";");
  const credential = `${credentials.accessKeyId}/${scopeOf(options, time)}`;
  headers.authorization = `${algorithm} Credential=${credential}, SignedHeaders=${names}, Signature=${signature(signed, options, time)}`;
  return headers;
}

/**
 * Signs a request in its query instead, so that whoever has the URL may send it, once or more often, until it expires. The headers
 * given are signed too and must be sent with it.
 *
 * @throws SecretsError as `signAwsRequest` does.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presignAwsRequest(request: AwsRequest, options: AwsPresigningOptions): string {
  const { credentials } = options;
  checked(credentials);
  const time = basicTime(options.signedAt);
  const parameters: Record<string, string> = {
    "X-Amz-Algorithm": algorithm,
    "X-Amz-Credential": `${credentials.accessKeyId}/${scopeOf(options, time)}`,
    "X-Amz-Date": time,
    "X-Amz-Expires": String(options.expiresInSeconds),
    ...(credentials.sessionToken === undefined ? {} : { "X-Amz-Security-Token": credentials.sessionToken }),
    "X-Amz-SignedHeaders": [...signableHeaders(request).keys()].join(";"),
  };
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeAws(value)}`);
  const path = `${request.path}${request.path.includes("?") ? "&" : "?"}${query.join("&")}`;
  return `https://${request.host}${path}&X-Amz-Signature=${signature({ ...request, path }, options, time)}`;
}
