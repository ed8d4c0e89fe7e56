import { createHash, createHmac } from "node:crypto";
import type { AwsRequest, AwsSigningOptions } from "@keyhold/identity";

/** What one writes from the first example of the documentation: the control of the signing tests. */
export function naiveSignature(request: AwsRequest, { credentials, region, service, signedAt }: AwsSigningOptions): string {
  const url = new URL(`https://${request.host}${request.path}`);
  const time = new Date(signedAt).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const headers = Object.fromEntries(
    Object.entries({ ...request.headers, host: request.host, "x-amz-date": time }).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
  );
  const names = Object.keys(headers).sort();
  url.searchParams.sort();
  const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
  const canonical = [
    request.method ?? "GET",
    url.pathname,
    url.searchParams.toString(),
    ...names.map((name) => `${name}:${headers[name]?.trim()}`),
    "",
    names.join(";"),
    sha256(request.body ?? ""),
  ].join("\n");
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const sign = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const key = scope.split("/").reduce<string | Buffer>(sign, `AWS4${credentials.secretAccessKey}`);
  return sign(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString("hex");
}
