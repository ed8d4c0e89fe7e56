import { createHash, createHmac } from "node:crypto";
import type { AwsServer } from "./start-aws.ts";
import type { AwsCredentials } from "./verify-signature.ts";

export interface RawCall {
  readonly action: string;
  readonly input?: unknown;
  readonly credentials?: AwsCredentials;
  readonly region?: string;
  /** By default secretsmanager. */
  readonly service?: "secretsmanager" | "sts" | "s3";
  /** Milliseconds that the caller's clock is ahead. */
  readonly clockOffsetMs?: number;
  /** Put into the request after it was signed. */
  readonly body?: string;
  /** Put into the request without being signed. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

/** One request signed by hand, for what an SDK would never send. Over plain HTTP. */
export async function signedCall(server: AwsServer, call: RawCall): Promise<RawAnswer> {
  const { credentials = server.credentials, region = server.region, service = "secretsmanager" } = call;
  const isForm = service === "sts";
  const body = isForm ? `Action=${call.action}&Version=2011-06-15` : JSON.stringify(call.input ?? {});
  const date = new Date(Date.now() + (call.clockOffsetMs ?? 0)).toISOString().replace(/[-:]|\.\d+/g, "");
  const headers: Record<string, string> = {
    host: new URL(server.url).host,
    "x-amz-date": date,
    ...(credentials.sessionToken !== undefined && { "x-amz-security-token": credentials.sessionToken }),
    ...(!isForm && { "x-amz-target": `secretsmanager.${call.action}` }),
  };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = ["POST", "/", "", lines.join(""), names, sha256(body)].join("\n");
  const scope = [date.slice(0, 8), region, service, "aws4_request"];
  const key = scope.reduce<string | Buffer>((previous, part) => hmac(previous, part), `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonical)].join("\n")).toString("hex");
  const { host: _host, ...sent } = headers;
  const response = await fetch(server.url, {
    method: "POST",
    redirect: "manual",
    body: call.body ?? body,
    headers: {
      ...sent,
      "content-type": isForm ? "application/x-www-form-urlencoded" : "application/x-amz-json-1.1",
      authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope.join("/")}, SignedHeaders=${names}, Signature=${signature}`,
      ...call.headers,
    },
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith("{") && text.endsWith("}") ? JSON.parse(text) : text,
  };
}

const sha256 = (data: string): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
