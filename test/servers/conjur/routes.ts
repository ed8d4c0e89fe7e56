import type { ServiceAnswer, ServiceRequest, Violate } from "../https-service.ts";
import { answerToken, type ConjurState, demandAccount, type Operation } from "./call.ts";
import { argumentError, type ConjurError, empty } from "./conjur-error.ts";
import { createResourceOperations } from "./resource-operations.ts";
import { createRoleOperations } from "./role-operations.ts";
import { createSecretOperations } from "./secret-operations.ts";

interface Route {
  readonly method: string;
  /** `*` is one segment, `**` the rest. */
  readonly path: string;
  readonly query?: readonly string[];
  /** Media types of the body; undefined: no body. */
  readonly media?: readonly string[];
  readonly run: Operation;
}

const listQuery = ["kind", "search", "offset", "limit", "count", "role", "acting_as"];
const form = ["application/x-www-form-urlencoded"];

/** Routes of one server. They throw `ConjurError`. */
export function createRoutes(state: ConjurState): (request: ServiceRequest, violate: Violate) => Promise<ServiceAnswer> {
  const { authenticators } = state;
  const role = createRoleOperations(state);
  const secret = createSecretOperations(state);
  const resource = createResourceOperations(state);
  const policyMedia = ["text/yaml", "text/x-yaml", "application/x-yaml", "text/plain"];
  const routes: readonly Route[] = [
    { method: "GET", path: "whoami", run: role.whoami },
    { method: "GET", path: "authn/*/login", run: role.login },
    { method: "POST", path: "authn/*/*/authenticate", media: ["text/plain"], run: role.authenticate },
    { method: "PUT", path: "authn/*/api_key", query: ["role"], run: role.rotate },
    {
      method: "POST",
      path: "authn-gcp/*/authenticate",
      media: form,
      run: async ({ request, parts: [sentAccount] }) => {
        demandAccount(state, sentAccount);
        return answerToken(state, request, await authenticators.gcp(request.body));
      },
    },
    ...["authn-jwt/*/*/authenticate", "authn-jwt/*/*/*/authenticate"].map(
      (path): Route => ({
        method: "POST",
        path,
        media: form,
        run: async ({ request, parts: [service = "", sentAccount, login] }) => {
          demandAccount(state, sentAccount);
          return answerToken(state, request, await authenticators.jwt(service, login, request.body));
        },
      }),
    ),
    {
      method: "POST",
      path: "authn-iam/*/*/*/authenticate",
      media: ["text/plain"],
      run: ({ request, parts: [service = "", sentAccount, login = ""] }) => {
        demandAccount(state, sentAccount);
        return answerToken(state, request, authenticators.iam(service, login, request.body));
      },
    },
    {
      method: "POST",
      path: "authn-azure/*/*/*/authenticate",
      media: form,
      run: async ({ request, parts: [service = "", sentAccount, login = ""] }) => {
        demandAccount(state, sentAccount);
        return answerToken(state, request, await authenticators.azure(service, login, request.body));
      },
    },
    { method: "GET", path: "secrets", query: ["variable_ids"], run: secret.readBatch },
    { method: "GET", path: "secrets/*/*/**", query: ["version"], run: secret.readSecret },
    {
      method: "POST",
      path: "secrets/*/*/**",
      query: ["expirations"],
      media: ["application/octet-stream"],
      run: secret.writeSecret,
    },
    ...["PUT", "POST", "PATCH"].map(
      (method): Route => ({ method, path: "policies/*/policy/**", media: policyMedia, run: resource.load }),
    ),
    { method: "GET", path: "resources/*", query: listQuery, run: resource.list },
    { method: "GET", path: "resources/*/*", query: listQuery, run: resource.list },
    { method: "GET", path: "resources/*/*/**", query: ["check", "privilege", "role"], run: resource.show },
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
