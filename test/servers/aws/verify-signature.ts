import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** An access key that the server knows. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials have one, and are refused without it. */
  readonly sessionToken?: string;
  /** When temporary credentials end. */
  readonly expiresAt?: Date;
}

export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Refusal {
  readonly type: string;
  readonly message: string;
}

export type Verification = { readonly credentials: AwsCredentials; readonly region: string } | { readonly refusal: Refusal };

export interface VerifyOptions {
  readonly service: string;
  readonly regions: readonly string[];
  readonly known: ReadonlyMap<string, AwsCredentials>;
  /** The service's clock, in milliseconds since 1970. */
  readonly now: number;
}

const maxSkewMs = 5 * 60 * 1000;
const authorizationForm = /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;

/**
 * Checks a Signature Version 4 as the service does, computing it again from the request that arrived.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function verifySignature(request: SignedRequest, options: VerifyOptions): Verification {
  const refuse = (type: string, message: string): Verification => ({ refusal: { type, message } });
  const { authorization } = request.headers;
  if (authorization === undefined) return refuse("MissingAuthenticationTokenException", "Missing Authentication Token");
  const [, credential, signedHeaders, signature] = authorizationForm.exec(authorization) ?? [];
  const [accessKeyId, date, region, service, end] = credential?.split("/") ?? [];
  if (!accessKeyId || !date || !region || !service || !signedHeaders || !signature || end !== "aws4_request") {
    return refuse("IncompleteSignatureException", "The Authorization header does not have the form of a Signature Version 4.");
  }
  const invalid = (message: string): Verification => refuse("InvalidSignatureException", message);

  const credentials = options.known.get(accessKeyId);
  const token = request.headers["x-amz-security-token"];
  if (credentials === undefined || credentials.sessionToken !== token) {
    return refuse("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  if (credentials.expiresAt !== undefined && credentials.expiresAt.getTime() <= options.now) {
    return refuse("ExpiredTokenException", "The security token included in the request is expired");
  }

  if (service !== options.service) return invalid(`Credential should be scoped to correct service: '${options.service}'.`);
  if (!options.regions.includes(region)) return invalid("Credential should be scoped to a valid region.");
  const signedAt = String(request.headers["x-amz-date"] ?? "");
  if (!signedAt.startsWith(date))
    return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP");
  const skewMs = parseDate(signedAt) - options.now;
  if (Number.isNaN(skewMs) || skewMs < -maxSkewMs) return invalid(`Signature expired: ${signedAt} is too long ago.`);
  if (skewMs > maxSkewMs) return invalid(`Signature not yet current: ${signedAt} is still to come.`);

  const names = signedHeaders.split(";");
  // Host and whatever starts with x-amz- has to be signed, or somebody on the way could change it.
  const unsigned = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))].find(
    (name) => !names.includes(name),
  );
  if (unsigned !== undefined) return invalid(`'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`);

  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", signedAt, scope, sha256(canonical(request, names))].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    (previous, part) => hmac(previous, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  if (!timingSafeEqual(hmac(key, text), Buffer.from(signature, "hex"))) {
    return invalid("The request signature we calculated does not match the signature you provided.");
  }
  return { credentials, region };
}

function canonical(request: SignedRequest, names: readonly string[]): string {
  const url = new URL(request.url, "http://host");
  const query = [...url.searchParams].map((pair) => pair.map(encode).join("=")).sort();
  const headers = names.map(
    (name) =>
      `${name}:${String(request.headers[name] ?? "")
        .trim()
        .replace(/ +/g, " ")}\n`,
  );
  return [request.method, url.pathname, query.join("&"), headers.join(""), names.join(";"), sha256(request.body)].join("\n");
}

/** 20150830T123600Z. */
function parseDate(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1).map(Number) ?? [];
  const [year = Number.NaN, month = 1, day, hour, minute, second] = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
