import { createHash, createHmac } from "node:crypto";

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface SignedRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. `x-amz-date` and `x-amz-content-sha256` are among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signedHeaders: readonly string[];
}

export const region = "eu-west-1";

export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();

/**
 * The signature of a request to S3, step by step as AWS describes it, so that the bucket of this example trusts nobody's library.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function awsSignature({ method, url, headers, signedHeaders }: SignedRequest, secretAccessKey: string): string {
  const date = headers["x-amz-date"] ?? "";
  const scope = [date.slice(0, 8), region, "s3", "aws4_request"];
  const canonical = [
    method,
    url.pathname,
    [...url.searchParams]
      .map((pair) => pair.map(encodeURIComponent).join("="))
      .sort()
      .join("&"),
    ...signedHeaders.map((name) => `${name}:${headers[name]}`),
    "",
    signedHeaders.join(";"),
    headers["x-amz-content-sha256"],
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce<string | Uint8Array>(hmac, `AWS4${secretAccessKey}`);
  return createHmac("sha256", key).update(toSign).digest("hex");
}

/** The headers of a signed request, as an AWS client makes them. */
export function signedHeaders(url: URL, { accessKeyId, secretAccessKey, sessionToken }: AwsKeys): Record<string, string> {
  const headers = {
    host: url.host,
    "x-amz-content-sha256": sha256(""),
    "x-amz-date": new Date().toISOString().replace(/[-:]|\.\d+/g, ""),
    "x-amz-security-token": sessionToken,
  };
  const names = Object.keys(headers);
  const signature = awsSignature({ method: "GET", url, headers, signedHeaders: names }, secretAccessKey);
  const scope = `${headers["x-amz-date"].slice(0, 8)}/${region}/s3/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...headers, authorization };
}
