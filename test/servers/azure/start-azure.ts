import { randomUUID } from "node:crypto";
import type { Certificates } from "../certificates.ts";
import { checkExchange } from "../contract/check-exchange.ts";
import {
  type HttpsService,
  json,
  type ServiceAnswer,
  type ServiceRequest,
  startHttpsService,
  type Violate,
} from "../https-service.ts";
import type { TokenServer } from "../oidc/start-token-server.ts";
import { type WallClock, wallClock } from "../oidc/token-authority.ts";
import { type SecretChange, SecretVault } from "./secret-vault.ts";
import { badParameter, VaultError } from "./vault-error.ts";

export type VaultPermission = "get" | "list" | "set" | "delete" | "recover" | "purge";

export interface AzureOptions {
  /** Whose tokens count. */
  readonly tokens: TokenServer;
  readonly tls?: Certificates;
  readonly clock?: WallClock;
  /** How long a deleted secret is in neither list, in milliseconds. The service takes 5 to 10 s; by default 200. */
  readonly deletingMs?: number;
  /** How long a recovered secret stays unreadable, in milliseconds. By default 200. */
  readonly recoveringMs?: number;
  /** By default 90. */
  readonly retentionDays?: number;
  readonly purgeProtection?: boolean;
  /** Reads in ten seconds before 429. By default 4000, as the service has it. */
  readonly readsInTenSeconds?: number;
}

export interface AzureServer extends HttpsService {
  /** Puts a secret past the wire. Gives its bundle. */
  seed(name: string, value: string, change?: Omit<SecretChange, "value">): object;
  /** From now on this application may do only this. Without a call it may do everything. */
  restrict(clientId: string, permissions: readonly VaultPermission[]): void;
}

const apiVersions = new Set(["2025-07-01", "2026-04-01"]);
const readOnlyAttributes = ["created", "updated", "recoverableDays", "recoveryLevel"];
const windowMs = 10_000;

interface Operation {
  readonly permission: VaultPermission;
  /** Query parameters beside `api-version`. */
  readonly parameters?: readonly string[];
  /** Properties of the body; none: no body. */
  readonly properties?: readonly string[];
  run(body: SecretChange): ServiceAnswer;
}

/** Starts a Key Vault: its secrets, over HTTPS, as strict as the service. */
export async function startAzure(options: AzureOptions): Promise<AzureServer> {
  const clock = options.clock ?? wallClock;
  const vault = new SecretVault({
    clock,
    deletingMs: options.deletingMs ?? 200,
    recoveringMs: options.recoveringMs ?? 200,
    retentionDays: options.retentionDays ?? 90,
    purgeProtection: options.purgeProtection ?? false,
  });
  const restricted = new Map<string, readonly VaultPermission[]>();
  const pages = new Map<string, { readonly path: string; readonly items: readonly object[] }>();
  let reads: number[] = [];

  const challenge = (message: string): VaultError => {
    const header = `Bearer authorization="${options.tokens.url}/${options.tokens.tenant}", resource="https://vault.azure.net"`;
    return new VaultError(401, "Unauthorized", message, undefined, { "www-authenticate": header });
  };

  const authenticate = async (request: ServiceRequest): Promise<string> => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) throw challenge("AKV10000: Request is missing a Bearer or PoP token.");
    const { authority, issuer, tenant } = options.tokens;
    const claims = await authority.verify(token, { issuer, audience: "https://vault.azure.net" }).catch(() => undefined);
    if (claims === undefined || claims.tid !== tenant) throw challenge("AKV10022: The token failed its check.");
    return String(claims.appid);
  };

  const throttle = (request: ServiceRequest): void => {
    if (request.method !== "GET") return;
    const now = clock.now();
    reads = reads.filter((at) => at > now - windowMs);
    if (reads.length < (options.readsInTenSeconds ?? 4000)) {
      reads.push(now);
      return;
    }
    const seconds = Math.max(1, Math.ceil(((reads[0] ?? now) + windowMs - now) / 1000));
    throw new VaultError(429, "Throttled", "Too many requests were received.", undefined, { "retry-after": String(seconds) });
  };

  /** One page, and an absolute link to the next, with its port. */
  const page = (request: ServiceRequest, all: () => readonly object[], emptyFirst = false): ServiceAnswer => {
    const token = request.query.get("$skiptoken");
    const size = Number(request.query.get("maxresults") ?? 25);
    if (!Number.isInteger(size) || size < 1 || size > 25) throw badParameter("maxresults must be between 1 and 25.");
    const held = token === null ? undefined : pages.get(token);
    if (token !== null && held?.path !== request.path) throw badParameter("The skip token is not valid.");
    const items = held?.items ?? all();
    // Recorded of the service: a page may be empty and still have a next one.
    const taken = emptyFirst && held === undefined && items.length > 0 ? 0 : size;
    const rest = items.slice(taken);
    let nextLink: string | null = null;
    if (rest.length > 0) {
      const next = Buffer.from(randomUUID()).toString("base64url");
      pages.set(next, { path: request.path, items: rest });
      const query = [`api-version=${request.query.get("api-version")}`, `$skiptoken=${next}`];
      if (request.query.has("maxresults")) query.push(`maxresults=${size}`);
      nextLink = `${vault.url}${request.path}?${query.join("&")}`;
    }
    return json(200, { value: items.slice(0, taken), nextLink });
  };

  const find = (request: ServiceRequest): Operation | undefined => {
    const paging = ["maxresults", "$skiptoken"];
    const [kind, name = "", third, ...more] = request.path.split("/").slice(1).map(decodeURIComponent);
    const shape = `${request.method} ${kind}${name === "" ? "" : "/N"}${third === undefined ? "" : third === "versions" || third === "recover" ? `/${third}` : "/V"}`;
    if (more.length > 0) return undefined;
    switch (shape) {
      case "GET secrets":
        return { permission: "list", parameters: paging, run: () => page(request, () => vault.list()) };
      case "GET deletedsecrets":
        return { permission: "list", parameters: paging, run: () => page(request, () => vault.listDeleted(), true) };
      case "GET secrets/N/versions":
        return { permission: "list", parameters: paging, run: () => page(request, () => vault.versions(name)) };
      case "GET secrets/N":
      case "GET secrets/N/V":
        return { permission: "get", parameters: ["outContentType"], run: () => json(200, vault.get(name, third ?? "")) };
      case "PUT secrets/N":
        return {
          permission: "set",
          properties: ["value", "tags", "contentType", "attributes"],
          run: (body) => json(200, vault.set(name, body)),
        };
      case "PATCH secrets/N":
      case "PATCH secrets/N/V":
        return {
          permission: "set",
          properties: ["tags", "contentType", "attributes"],
          run: (body) => json(200, vault.update(name, third ?? "", body)),
        };
      case "DELETE secrets/N":
        return { permission: "delete", run: () => json(200, vault.remove(name)) };
      case "GET deletedsecrets/N":
        return { permission: "get", run: () => json(200, vault.getDeleted(name)) };
      case "POST deletedsecrets/N/recover":
        return { permission: "recover", run: () => json(200, vault.recover(name)) };
      case "DELETE deletedsecrets/N":
        return {
          permission: "purge",
          run: () => {
            vault.purge(name);
            return { status: 204 };
          },
        };
      default:
        return undefined;
    }
  };

  const readBody = (request: ServiceRequest, operation: Operation, violate: Violate): SecretChange => {
    const refuse = (what: string): VaultError => {
      violate(what);
      return badParameter(`The request is not valid: ${what}.`);
    };
    if (operation.properties === undefined) {
      if (request.body.length > 0) throw refuse("a body where none belongs");
      return {};
    }
    if (!/^application\/json\b/.test(request.headers["content-type"] ?? ""))
      throw refuse("the body's content type is not application/json");
    let body: Record<string, unknown>;
    try {
      body = JSON.parse(request.body.toString());
    } catch {
      throw refuse("the body is not JSON");
    }
    if (typeof body !== "object" || body === null) throw refuse("the body is no object");
    for (const name of Object.keys(body)) if (!operation.properties.includes(name)) throw refuse(`unknown property ${name}`);
    if (operation.properties.includes("value") && typeof body.value !== "string") throw refuse("value must be a string");
    for (const [name, value] of Object.entries((body.attributes as object | undefined) ?? {})) {
      if (readOnlyAttributes.includes(name)) throw refuse(`attributes.${name} is read-only`);
      const fits = name === "enabled" ? typeof value === "boolean" : ["nbf", "exp"].includes(name) && Number.isInteger(value);
      if (!fits) throw refuse(`attributes.${name} is unknown or of the wrong type`);
    }
    if (!Object.values((body.tags as object | undefined) ?? {}).every((value) => typeof value === "string"))
      throw refuse("tags must be strings");
    return body as SecretChange;
  };

  const answer = async (request: ServiceRequest, violate: Violate): Promise<ServiceAnswer> => {
    const clientId = await authenticate(request);
    const operation = find(request);
    if (operation === undefined) {
      violate("no such operation");
      throw new VaultError(404, "NotFound", "There is no such operation.");
    }
    const version = request.query.get("api-version");
    if (version === null || !apiVersions.has(version)) {
      violate(version === null ? "no api-version" : "an unknown api-version");
      throw badParameter("The request URI has no api-version, or one that is not known.");
    }
    for (const name of request.query.keys()) {
      if (name === "api-version" || operation.parameters?.includes(name)) continue;
      violate(`unknown parameter ${name}`);
      throw badParameter("The request URI has an unknown parameter.");
    }
    const body = readBody(request, operation, violate);
    throttle(request);
    if (!(restricted.get(clientId)?.includes(operation.permission) ?? true)) {
      throw new VaultError(403, "Forbidden", "Caller is not authorized to perform action on resource.", "ForbiddenByRbac");
    }
    return operation.run(body);
  };

  const failure = (status: number): Omit<ServiceAnswer, "status"> => {
    if (status === 401) return challenge("AKV10022: The token failed its check.").answer;
    const code = { 403: "Forbidden", 404: "SecretNotFound", 409: "Conflict", 429: "Throttled", 503: "ServiceUnavailable" }[
      status
    ];
    return new VaultError(status, code ?? "InternalServerError", "The request failed.").answer;
  };

  const service = await startHttpsService({
    ...(options.tls && { tls: options.tls }),
    failure,
    check: checkExchange("azure"),
    async handle(request, violate) {
      const own = {
        "x-ms-request-id": randomUUID(),
        "x-ms-keyvault-region": "local",
        "cache-control": "no-cache",
        pragma: "no-cache",
      };
      try {
        const { headers, ...rest } = await answer(request, violate);
        return { ...rest, headers: { ...own, ...headers } };
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        return { ...error.answer, headers: { ...own, ...error.answer.headers } };
      }
    },
  });
  vault.url = service.url;
  return Object.assign(service, {
    seed: (name: string, value: string, change = {}) => vault.set(name, { ...change, value }),
    restrict: (clientId: string, permissions: readonly VaultPermission[]) => {
      restricted.set(clientId, permissions);
    },
  });
}
