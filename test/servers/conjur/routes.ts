import { isUtf8 } from "node:buffer";
import { json, type ServiceAnswer, type ServiceRequest, type Violate } from "../https-service.ts";
import type { WallClock } from "../oidc/token-authority.ts";
import type { AccessTokens } from "./access-tokens.ts";
import type { Authenticators } from "./authenticators.ts";
import {
  argumentError,
  ConjurError,
  empty,
  methodNotAllowed,
  notAcceptable,
  recordNotFound,
  secretNotFound,
} from "./conjur-error.ts";
import { type LoadMode, loadPolicy } from "./load-policy.ts";
import { listResources, showResource } from "./resource-list.ts";
import { type Resource, type RoleStore, roleOfLogin } from "./role-store.ts";
import type { SecretStore } from "./secret-store.ts";

export interface ConjurState {
  readonly account: string;
  readonly clock: WallClock;
  readonly store: RoleStore;
  readonly secrets: SecretStore;
  readonly tokens: AccessTokens;
  readonly authenticators: Authenticators;
}

interface Call {
  readonly request: ServiceRequest;
  /** The parts of the path that the route leaves open, decoded. */
  readonly parts: readonly string[];
}

interface Route {
  readonly method: string;
  /** `*` is one segment, `**` the rest. */
  readonly path: string;
  readonly query?: readonly string[];
  /** Media types of the body, "" for none named; undefined: no body. */
  readonly media?: readonly string[];
  run(call: Call): ServiceAnswer | Promise<ServiceAnswer>;
}

const text = (status: number, body: string): ServiceAnswer => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body,
});
const listQuery = ["kind", "search", "offset", "limit", "count", "role", "acting_as"];
const form = ["application/x-www-form-urlencoded"];

/** Routes of one server. They throw `ConjurError`. */
export function createRoutes(state: ConjurState): (request: ServiceRequest, violate: Violate) => Promise<ServiceAnswer> {
  const { account, store, secrets, tokens, authenticators } = state;
  const policyVersions = new Map<string, number>();
  let isLoading = false;

  /** The role behind the access token. */
  const roleOf = (request: ServiceRequest): string => {
    const role = roleOfLogin(account, tokens.verify(request.headers.authorization).login);
    if (!store.hasRole(role)) throw empty(403);
    return role;
  };

  const visible = (role: string, id: string): Resource | undefined => {
    const resource = store.resources.get(id);
    return resource && store.isVisible(role, resource) ? resource : undefined;
  };

  /** Login and API key of a Basic header, checked. */
  const basic = (request: ServiceRequest): string => {
    const sent = /^Basic (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const [, login = "", key = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(sent ?? "", "base64").toString()) ?? [];
    const role = roleOfLogin(account, login);
    if (key === "" || store.apiKey(role) !== key) throw empty(401);
    return role;
  };

  const own = (sentAccount: string | undefined): void => {
    if (sentAccount !== account) throw empty(401);
  };

  const token = (request: ServiceRequest, login: string): ServiceAnswer => {
    const issued = tokens.issue(login);
    const encodings = String(request.headers["accept-encoding"] ?? "")
      .toLowerCase()
      .split(/\s*,\s*/);
    if (!encodings.includes("base64")) return json(200, issued);
    const answer = text(200, Buffer.from(JSON.stringify(issued)).toString("base64"));
    return { ...answer, headers: { ...answer.headers, "content-encoding": "base64" } };
  };

  const readSecret = ({ request, parts: [sentAccount, kind, name] }: Call): ServiceAnswer => {
    const role = roleOf(request);
    const id = `${sentAccount}:${kind}:${name}`;
    const resource = visible(role, id);
    if (resource === undefined) throw secretNotFound(id);
    if (!store.isAllowed(role, "execute", resource)) throw empty(403);
    const asked = request.query.get("version");
    if (asked !== null && !/^[+-]?\d+$/.test(asked)) throw argumentError("invalid type for parameter 'version'");
    const found = secrets.get(id, asked === null ? undefined : Number(asked));
    if (found === undefined) throw secretNotFound(id);
    const type = resource.annotations["conjur/mime_type"] ?? "application/octet-stream";
    return { status: 200, headers: { "content-type": type, "content-transfer-encoding": "binary" }, body: found.value };
  };

  const writeSecret = ({ request, parts: [sentAccount, kind, name] }: Call): ServiceAnswer => {
    const role = roleOf(request);
    const id = `${sentAccount}:${kind}:${name}`;
    const resource = visible(role, id);
    if (resource === undefined) throw recordNotFound(id);
    if (!store.isAllowed(role, "update", resource)) throw empty(403);
    // This expires what is there, and writes nothing.
    if (request.query.has("expirations")) return { status: 201 };
    if (/^\s*$/.test(request.body.toString("latin1"))) throw argumentError("'value' may not be empty");
    secrets.put(id, request.body);
    return { status: 201 };
  };

  const readBatch = ({ request }: Call): ServiceAnswer => {
    const role = roleOf(request);
    // Split after decoding, and without what is empty at the end, as the service's language does it.
    const ids = (request.query.get("variable_ids") ?? "").replace(/,+$/, "").split(",");
    if (ids.includes("")) throw argumentError("variable_ids");
    if (new Set(ids).size < ids.length) throw empty(500);
    const found = ids.map((id) => store.resources.get(id)).filter((resource) => resource !== undefined);
    if (!found.every((resource) => store.isAllowed(role, "execute", resource))) throw empty(403);
    const missing = ids.find((id) => !secrets.get(id));
    if (missing !== undefined) throw secretNotFound(ids.find((id) => !store.resources.has(id)) ?? missing);
    const values = found.map(({ id }): [string, Buffer] => [id, secrets.get(id)?.value ?? Buffer.alloc(0)]);
    if (request.headers["accept-encoding"]?.toLowerCase() === "base64") {
      const lines = (value: Buffer) => value.toString("base64").replace(/.{1,60}/g, "$&\n");
      return json(200, Object.fromEntries(values.map(([id, value]) => [id, lines(value)])), { "content-encoding": "base64" });
    }
    if (!values.every(([, value]) => isUtf8(value))) throw notAcceptable();
    return json(200, Object.fromEntries(values.map(([id, value]) => [id, value.toString()])));
  };

  const load = async ({ request, parts: [sentAccount, name] }: Call): Promise<ServiceAnswer> => {
    const role = roleOf(request);
    const id = `${sentAccount}:policy:${name}`;
    const mode = request.method as LoadMode;
    const resource = visible(role, id);
    if (resource === undefined) throw recordNotFound(id);
    if (!store.isAllowed(role, mode === "POST" ? "create" : "update", resource)) throw empty(403);
    if (isLoading) {
      const error = { code: "policy_conflict", message: "Concurrent policy load in progress, please retry" };
      throw new ConjurError(json(409, { error }, { "retry-after": "1" }));
    }
    isLoading = true;
    try {
      // Long enough for another load to meet it.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const created = loadPolicy(store, id, request.body.toString(), mode, new Date(state.clock.now()).toISOString());
      const version = (policyVersions.get(id) ?? 0) + 1;
      policyVersions.set(id, version);
      return json(201, { created_roles: created, version });
    } finally {
      isLoading = false;
    }
  };

  const assumed = (role: string, asked: string | null): string => {
    if (asked === null || asked === "") return role;
    if (!store.hasRole(asked) || !store.allRoles(role).has(asked)) throw empty(403);
    return asked;
  };

  const list = ({ request, parts: [sentAccount, kind] }: Call): ServiceAnswer => {
    const role = assumed(roleOf(request), request.query.get("role") ?? request.query.get("acting_as"));
    const wanted = kind ?? request.query.get("kind");
    const found = sentAccount === account ? listResources(store, role, wanted, request.query) : [];
    return json(
      200,
      request.query.get("count") === "true" ? { count: found.length } : found.map((entry) => showResource(entry, secrets)),
    );
  };

  const show = ({ request, parts: [sentAccount, kind, name] }: Call): ServiceAnswer => {
    const role = roleOf(request);
    const id = `${sentAccount}:${kind}:${name}`;
    const resource = visible(role, id);
    if (resource === undefined) throw recordNotFound(id);
    const privilege = request.query.get("privilege");
    if (request.query.has("check")) {
      if (privilege === null) throw argumentError("privilege");
      return { status: store.isAllowed(assumed(role, request.query.get("role")), privilege, resource) ? 204 : 404 };
    }
    return json(200, showResource(resource, secrets));
  };

  const rotate = ({ request, parts: [sentAccount] }: Call): ServiceAnswer => {
    own(sentAccount);
    const asked = request.query.get("role");
    const isBasic = /^Basic /.test(request.headers.authorization ?? "");
    const role = isBasic ? basic(request) : roleOf(request);
    const target = asked === null ? role : asked.split(":").length === 2 ? `${account}:${asked}` : asked;
    // One's own key by one's own key alone, another's by a token alone.
    if (isBasic && target !== role) throw empty(401);
    if (!isBasic && target === role) {
      throw new ConjurError(json(401, { error: { code: "unauthorized", message: "Credential strength is insufficient" } }));
    }
    if (target !== role) {
      const resource = visible(role, target);
      if (resource === undefined) {
        const message = `CONJ00123E Resource '${target}' requested by role '${role}' not found`;
        throw new ConjurError(json(404, { error: { code: "not_found", message } }));
      }
      if (!store.isAllowed(role, "update", resource)) throw empty(403);
    }
    const key = store.rotateApiKey(target);
    if (key === undefined) throw methodNotAllowed(target);
    return text(200, key);
  };

  const whoami = ({ request }: Call): ServiceAnswer => {
    const { login, issuedAtMs } = tokens.verify(request.headers.authorization);
    return json(200, {
      client_ip: "127.0.0.1",
      ...(request.headers["user-agent"] && { user_agent: request.headers["user-agent"] }),
      account,
      username: login,
      token_issued_at: new Date(issuedAtMs).toISOString().replace("Z", "+00:00"),
    });
  };

  const authenticate = ({ request, parts: [sentAccount, login = ""] }: Call): ServiceAnswer => {
    own(sentAccount);
    const key = store.apiKey(roleOfLogin(account, login));
    if (key === undefined || request.body.toString() !== key) throw empty(401);
    return token(request, login);
  };

  const policyMedia = ["text/yaml", "text/x-yaml", "application/x-yaml", "text/plain"];
  const routes: readonly Route[] = [
    { method: "GET", path: "whoami", run: whoami },
    {
      method: "GET",
      path: "authn/*/login",
      run: ({ request, parts: [sentAccount] }) => {
        own(sentAccount);
        return text(200, store.apiKey(basic(request)) ?? "");
      },
    },
    { method: "POST", path: "authn/*/*/authenticate", media: ["text/plain"], run: authenticate },
    { method: "PUT", path: "authn/*/api_key", query: ["role"], run: rotate },
    {
      method: "POST",
      path: "authn-gcp/*/authenticate",
      media: form,
      run: async ({ request, parts: [sentAccount] }) => {
        own(sentAccount);
        return token(request, await authenticators.gcp(request.body));
      },
    },
    ...["authn-jwt/*/*/authenticate", "authn-jwt/*/*/*/authenticate"].map(
      (path): Route => ({
        method: "POST",
        path,
        media: form,
        run: async ({ request, parts: [service = "", sentAccount, login] }) => {
          own(sentAccount);
          return token(request, await authenticators.jwt(service, login, request.body));
        },
      }),
    ),
    {
      method: "POST",
      path: "authn-iam/*/*/*/authenticate",
      media: ["text/plain"],
      run: ({ request, parts: [service = "", sentAccount, login = ""] }) => {
        own(sentAccount);
        return token(request, authenticators.iam(service, login, request.body));
      },
    },
    {
      method: "POST",
      path: "authn-azure/*/*/*/authenticate",
      media: form,
      run: async ({ request, parts: [service = "", sentAccount, login = ""] }) => {
        own(sentAccount);
        return token(request, await authenticators.azure(service, login, request.body));
      },
    },
    { method: "GET", path: "secrets", query: ["variable_ids"], run: readBatch },
    { method: "GET", path: "secrets/*/*/**", query: ["version"], run: readSecret },
    { method: "POST", path: "secrets/*/*/**", query: ["expirations"], media: ["application/octet-stream"], run: writeSecret },
    ...["PUT", "POST", "PATCH"].map((method): Route => ({ method, path: "policies/*/policy/**", media: policyMedia, run: load })),
    { method: "GET", path: "resources/*", query: listQuery, run: list },
    { method: "GET", path: "resources/*/*", query: listQuery, run: list },
    { method: "GET", path: "resources/*/*/**", query: ["check", "privilege", "role"], run: show },
  ];
  const patterns = routes.map((route) => {
    const source = route.path.replace(/\*\*|\*/g, (star) => (star === "**" ? "(.+)" : "([^/]+)"));
    return { route, pattern: new RegExp(`^/${source}$`) };
  });

  return async (request, violate) => {
    const found = patterns.find(({ route, pattern }) => route.method === request.method && pattern.test(request.path));
    if (found === undefined) {
      violate("no such operation");
      throw empty(404);
    }
    const { route, pattern } = found;
    const refuse = (what: string, error: ConjurError): ConjurError => {
      violate(what);
      return error;
    };
    for (const name of request.query.keys()) {
      if (!route.query?.includes(name)) throw refuse(`unknown parameter ${name}`, argumentError(name));
    }
    const id = request.headers["x-request-id"];
    if (id !== undefined && !/^[a-zA-Z\d-]{1,255}$/.test(String(id))) throw refuse("X-Request-Id is not valid", empty(400));
    if (request.body.length > 0) {
      const media = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
      if (route.media === undefined) throw refuse("a body where none belongs", empty(400));
      if (!route.media.includes(media)) throw refuse(`a body of type ${media || "unknown"}`, empty(400));
    }
    const parts = (pattern.exec(request.path) ?? []).slice(1).map(decodeURIComponent);
    return route.run({ request, parts });
  };
}
