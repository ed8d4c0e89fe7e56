import type { ServiceRequest, Violate } from "../https-service.ts";
import { GoogleError } from "./google-error.ts";
import type { Message, Method } from "./secret-manager.ts";

interface Route {
  readonly method: Method;
  /** Which field of the message the path is. */
  readonly path: "name" | "parent" | "secret.name";
  readonly query?: readonly string[];
  /** Fields of the message that the body gives; "secret": the body is the Secret. None: no body. */
  readonly body?: readonly string[] | "secret";
}

const paging = ["pageSize", "pageToken", "filter"];
const stateChange = { path: "name", body: ["etag"] } as const;

/** By HTTP method, what the path ends on, and its verb. */
const routes: Record<string, Route> = {
  "POST secrets": { method: "CreateSecret", path: "parent", query: ["secretId"], body: "secret" },
  "GET secrets": { method: "ListSecrets", path: "parent", query: paging },
  "GET secret": { method: "GetSecret", path: "name" },
  "PATCH secret": { method: "UpdateSecret", path: "secret.name", query: ["updateMask"], body: "secret" },
  "DELETE secret": { method: "DeleteSecret", path: "name", query: ["etag"] },
  "POST secret:addVersion": { method: "AddSecretVersion", path: "parent", body: ["parent", "payload"] },
  "GET versions": { method: "ListSecretVersions", path: "parent", query: paging },
  "GET version": { method: "GetSecretVersion", path: "name" },
  "GET version:access": { method: "AccessSecretVersion", path: "name" },
  "POST version:enable": { method: "EnableSecretVersion", ...stateChange },
  "POST version:disable": { method: "DisableSecretVersion", ...stateChange },
  "POST version:destroy": { method: "DestroySecretVersion", ...stateChange },
};

const everywhere = ["$alt", "alt", "prettyPrint"];
export const secretFields: readonly string[] = [
  "name",
  "replication",
  "labels",
  "annotations",
  "versionAliases",
  "expireTime",
  "ttl",
  "etag",
  "createTime",
  // Input only: accepted, and never seen again.
  "tags",
];
const pattern =
  /^\/v1\/(?<parent>projects\/[^/]+(?:\/locations\/[^/]+)?)\/secrets(?:\/(?<secret>[^/:]+)(?:(?<versions>\/versions)(?:\/(?<version>[^/:]+))?)?)?(?::(?<verb>\w+))?$/;

/** What a REST request asks for, as the message that gRPC would carry. Notes what the service would not accept. */
export function readRequest(request: ServiceRequest, violate: Violate): { readonly method: Method; readonly message: Message } {
  const refuse = (what: string, status: "INVALID_ARGUMENT" | "NOT_FOUND" = "INVALID_ARGUMENT"): GoogleError => {
    violate(what);
    return new GoogleError(status, `The request is not valid: ${what}.`);
  };
  const parts = pattern.exec(decodeURIComponent(request.path))?.groups;
  const kind = parts?.version ? "version" : parts?.versions ? "versions" : parts?.secret ? "secret" : "secrets";
  const route = routes[`${request.method} ${kind}${parts?.verb ? `:${parts.verb}` : ""}`];
  if (parts === undefined || route === undefined) throw refuse("no such operation", "NOT_FOUND");

  const secretName = `${parts.parent}/secrets/${parts.secret}`;
  const target = {
    secrets: parts.parent,
    secret: secretName,
    versions: secretName,
    version: `${secretName}/versions/${parts.version}`,
  }[kind];
  const message: Record<string, unknown> = {};
  for (const [name, value] of request.query) {
    if (everywhere.includes(name)) continue;
    if (!route.query?.includes(name)) throw refuse(`unknown parameter ${name}`);
    message[name] = value;
  }
  if (route.body === undefined) {
    if (request.body.length > 0) throw refuse("a body where none belongs");
  } else {
    const body = readBody(request, refuse);
    const known = route.body === "secret" ? secretFields : route.body;
    for (const name of Object.keys(body)) if (!known.includes(name)) throw refuse(`unknown field ${name}`);
    const payload = (body as Message).payload ?? {};
    for (const name of Object.keys(payload))
      if (!["data", "dataCrc32c"].includes(name)) throw refuse(`unknown field payload.${name}`);
    if (route.body === "secret") message.secret = body;
    else Object.assign(message, body);
  }
  if (route.path === "secret.name") message.secret = { ...(message.secret as object), name: target };
  else message[route.path] = target;
  return { method: route.method, message };
}

function readBody(request: ServiceRequest, refuse: (what: string) => GoogleError): object {
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? ""))
    throw refuse("the body's content type is not application/json");
  try {
    const body = JSON.parse(request.body.toString());
    if (typeof body === "object" && body !== null) return body;
  } catch {
    // The same answer as for JSON that is no object.
  }
  throw refuse("the body is no JSON object");
}
