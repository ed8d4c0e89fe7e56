// What the programs of the cold start ask, in a process of its own: every cloud's answers, correct and ready-made. A load target, not a
// check: the test servers beside the tests are that.
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, ListenOptions } from "node:net";
import { crc32c } from "../../../packages/gcp/src/crc32c.ts";
import { secretText } from "./settings.ts";

/** What the parent sends first. */
export interface ServerSettings {
  readonly cert: string;
  readonly key: string;
  readonly socketPath: string;
}

/** What it hears then. */
export interface ServerAddress {
  readonly httpsPort: number;
  readonly httpPort: number;
}

let requests = 0;

type Reply = readonly [status: number, body: unknown, headers?: Readonly<Record<string, string>>];

const created = 1_780_000_000;
const arn = (name: string) => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-a1b2c3`;
const awsValue = (name: string) => ({
  ARN: arn(name),
  CreatedDate: created,
  Name: name,
  SecretString: secretText,
  VersionId: "11111111-2222-4333-8444-555555555555",
  VersionStages: ["AWSCURRENT"],
});

function aws(operation: string, body: Readonly<Record<string, unknown>>): Reply {
  const headers = { "content-type": "application/x-amz-json-1.1" };
  if (operation === "GetSecretValue") return [200, awsValue(String(body.SecretId)), headers];
  if (operation === "BatchGetSecretValue")
    return [200, { Errors: [], SecretValues: (body.SecretIdList as string[]).map(awsValue) }, headers];
  return [400, { __type: "UnknownOperationException" }, headers];
}

const hours = (count: number) => new Date(Date.now() + count * 3_600_000);

/** Tokens and credentials, as the place where a program runs gives them. */
function identity(path: string): Reply | undefined {
  if (path.startsWith("/container-credentials")) {
    const keys = { AccessKeyId: "AKIAKEYHOLDBENCH0000", SecretAccessKey: "bench", Token: "bench-session" };
    return [200, { ...keys, RoleArn: "arn:aws:iam::123456789012:role/bench", Expiration: hours(6).toISOString() }];
  }
  if (path.startsWith("/managed-identity")) {
    const expires_on = String(Math.floor(hours(6).getTime() / 1000));
    return [200, { access_token: "bench-token", expires_on, resource: "https://vault.azure.net", token_type: "Bearer" }];
  }
  const google = { "metadata-flavor": "Google" };
  if (path.endsWith("/service-accounts/default/token"))
    return [200, { access_token: "bench-token", expires_in: 3_599, token_type: "Bearer" }, google];
  if (path.endsWith("/project/project-id")) return [200, "bench-project", google];
  if (path.endsWith("/universe/universe-domain")) return [200, "googleapis.com", google];
  if (path.startsWith("/computeMetadata")) return [200, {}, google];
  return undefined;
}

function azure(path: string, { authorization }: IncomingMessage["headers"]): Reply {
  if (authorization === undefined) {
    const challenge = 'Bearer authorization="https://login.microsoftonline.com/bench", resource="https://vault.azure.net"';
    return [401, { error: { code: "Unauthorized", message: "AKV10000" } }, { "www-authenticate": challenge }];
  }
  const id = `https://bench.vault.azure.net${path.replace(/\/$/, "")}/0123456789abcdef0123456789abcdef`;
  return [200, { value: secretText, id, attributes: { enabled: true, created, updated: created } }];
}

function google(path: string): Reply {
  const bytes = Buffer.from(secretText);
  const name = path.slice("/v1/".length).replace(":access", "").replace("latest", "1");
  return [200, { name, payload: { data: bytes.toString("base64"), dataCrc32c: String(crc32c(bytes)) } }];
}

function vault(path: string): Reply {
  if (path.startsWith("/v1/sys/internal/ui/mounts/"))
    return [200, { data: { path: "secret/", type: "kv", options: { version: "2" } } }];
  if (path === "/v1/auth/approle/login")
    return [200, { auth: { client_token: "bench-token", lease_duration: 3_600, renewable: true } }];
  if (path === "/v1/auth/token/lookup-self") return [200, { data: { ttl: 0, expire_time: null, renewable: false } }];
  const metadata = { version: 1, created_time: "2026-06-01T00:00:00Z", deletion_time: "", destroyed: false };
  return [200, { lease_id: "", lease_duration: 0, renewable: false, data: { data: { key: secretText }, metadata } }];
}

function reply({ url = "/", headers }: IncomingMessage, body: string): Reply {
  const path = url.split("?", 1)[0] as string;
  const target = headers["x-amz-target"];
  if (typeof target === "string") return aws(target.slice("secretsmanager.".length), JSON.parse(body));
  if (path === "/secretsmanager/get") return [200, awsValue(new URL(url, "http://localhost").searchParams.get("secretId") ?? "")];
  if (path.startsWith("/v1/projects/")) return google(decodeURIComponent(path));
  if (path.startsWith("/v1/")) return vault(path);
  if (path.startsWith("/secrets")) return azure(path, headers);
  return identity(path) ?? [404, { error: { code: "NotFound" } }];
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  requests += 1;
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const [status, value, headers] = reply(request, body);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const type = typeof value === "string" ? "text/plain" : "application/json; charset=utf-8";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text), ...headers }).end(text);
}

const listening = (server: ReturnType<typeof createHttpServer>, where: ListenOptions) =>
  new Promise<number>((resolve) => server.listen(where, () => resolve((server.address() as AddressInfo).port)));

async function start({ cert, key, socketPath }: ServerSettings): Promise<ServerAddress> {
  const loopback = { host: "127.0.0.1", port: 0 };
  const httpsPort = await listening(createHttpsServer({ cert, key }, handle), loopback);
  const httpPort = await listening(createHttpServer(handle), loopback);
  await listening(createHttpServer(handle), { path: socketPath });
  return { httpsPort, httpPort };
}

process.once("message", async (settings: ServerSettings) => {
  process.send?.(await start(settings));
  // Asked between two programs: how many requests came since the last time.
  process.on("message", () => {
    process.send?.(requests);
    requests = 0;
  });
});
process.once("disconnect", () => process.exit());
