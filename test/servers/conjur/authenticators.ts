import { json } from "../https-service.ts";
import type { TokenAuthority, WallClock } from "../oidc/token-authority.ts";
import { ConjurError, empty } from "./conjur-error.ts";
import { type RoleStore, roleOfLogin } from "./role-store.ts";
import { type IamIdentity, verifyCallerIdentity } from "./verify-caller-identity.ts";

export interface AuthenticatorOptions {
  readonly account: string;
  readonly store: RoleStore;
  readonly clock: WallClock;
  /** The value of a variable of an authenticator: its settings. */
  readonly setting: (variable: string) => string | undefined;
  /** Whoever signs the JWTs that are sent here. */
  readonly authority: TokenAuthority | undefined;
  readonly iam: readonly IamIdentity[];
}

type Claims = Readonly<Record<string, any>>;

/** `jwt=…` of a form. */
function jwtOf(body: Buffer): string {
  const jwt = new URLSearchParams(body.toString()).get("jwt")?.trim() ?? "";
  if (jwt === "") throw empty(400);
  if (!/^[\w=-]+\.[\w=-]+\.[\w=-]+$/.test(jwt)) throw empty(401);
  return jwt;
}

/** The authenticators beside `authn`. Each gives the login that signed in, or throws the service's refusal. */
export interface Authenticators {
  jwt(service: string, login: string | undefined, body: Buffer): Promise<string>;
  iam(service: string, login: string, body: Buffer): string;
  azure(service: string, login: string, body: Buffer): Promise<string>;
  gcp(body: Buffer): Promise<string>;
}

export function createAuthenticators(options: AuthenticatorOptions): Authenticators {
  const { account, store, clock, setting } = options;

  /** The host exists, and may use the web service of this authenticator. */
  const admit = (webservice: string, login: string): string => {
    const role = roleOfLogin(account, login);
    const resource = store.resources.get(`${account}:webservice:conjur/${webservice}`);
    if (resource === undefined || !store.hasRole(role)) throw empty(401);
    if (!store.isAllowed(role, "authenticate", resource)) throw empty(403);
    return role;
  };

  /** What the role's annotations demand of this authenticator; of this service before all services. */
  const restrictions = (role: string, authenticator: string, service: string | undefined): Map<string, string> => {
    const found = new Map<string, string>();
    const annotations = Object.entries(store.resources.get(role)?.annotations ?? {});
    for (const prefix of [`${authenticator}/`, ...(service === undefined ? [] : [`${authenticator}/${service}/`])]) {
      for (const [name, value] of annotations) {
        const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
        if (rest !== "" && !rest.includes("/")) found.set(rest, value);
      }
    }
    return found;
  };

  const verify = async (jwt: string, issuer: string, audience?: string): Promise<Claims> => {
    if (options.authority === undefined) throw empty(401);
    try {
      return await options.authority.verify(jwt, { issuer, ...(audience !== undefined && { audience }) });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_JWT_EXPIRED") {
        throw new ConjurError(json(401, { error: { code: "unauthorized", message: "CONJ00016E Token expired" } }));
      }
      throw empty(401);
    }
  };

  return {
    async jwt(service, urlLogin, body) {
      const webservice = `authn-jwt/${service}`;
      const issuer = setting(`conjur/${webservice}/issuer`);
      if (issuer === undefined) throw empty(401);
      const claims = await verify(jwtOf(body), issuer, setting(`conjur/${webservice}/audience`));
      const property = setting(`conjur/${webservice}/token-app-property`);
      // The identity comes from the token or from the path, never from both.
      if ((property === undefined) === (urlLogin === undefined)) throw empty(401);
      const path = setting(`conjur/${webservice}/identity-path`) ?? "";
      const identity = property === undefined ? undefined : claims[property];
      if (property !== undefined && typeof identity !== "string") throw empty(401);
      const login = urlLogin ?? ["host", path, identity].filter(Boolean).join("/");
      const role = admit(webservice, login);
      const demanded = restrictions(role, "authn-jwt", service);
      if (demanded.size === 0 || ![...demanded].every(([claim, value]) => String(claims[claim]) === value)) throw empty(401);
      return login;
    },

    iam(service, login, body) {
      admit(`authn-iam/${service}`, login);
      let headers: Record<string, string>;
      try {
        headers = JSON.parse(body.toString());
      } catch {
        throw empty(401);
      }
      const identity = verifyCallerIdentity(headers, options.iam, clock.now());
      const expected = identity && [...login.split("/").slice(0, -2), identity.account, identity.role].join("/");
      if (login !== expected) throw empty(401);
      return login;
    },

    async azure(service, login, body) {
      const role = admit(`authn-azure/${service}`, login);
      const provider = setting(`conjur/authn-azure/${service}/provider-uri`);
      if (provider === undefined) throw empty(401);
      const claims = await verify(jwtOf(body), `${provider.replace(/\/$/, "")}/`);
      const [, subscription, group, kind, name] =
        /^\/?subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/([^/]+)\/[^/]+\/([^/]+)$/i.exec(
          String(claims.xms_mirid),
        ) ?? [];
      const isUserAssigned = kind === "Microsoft.ManagedIdentity";
      const actual: Record<string, string | undefined> = {
        "subscription-id": subscription,
        "resource-group": group,
        "user-assigned-identity": isUserAssigned ? name : undefined,
        "system-assigned-identity": isUserAssigned ? undefined : String(claims.oid),
      };
      const demanded = restrictions(role, "authn-azure", service);
      if (!demanded.has("subscription-id") || !demanded.has("resource-group")) throw empty(401);
      if (![...demanded].every(([restriction, value]) => actual[restriction] === value)) throw empty(401);
      return login;
    },

    async gcp(body) {
      const claims = await verify(jwtOf(body), "https://accounts.google.com");
      const [first, audienceAccount, ...rest] = String(claims.aud).split("/");
      if (first !== "conjur" || audienceAccount !== account || rest.length === 0) throw empty(401);
      const login = rest.join("/");
      const role = admit("authn-gcp", login);
      const engine = claims.google?.compute_engine ?? {};
      const actual: Record<string, unknown> = {
        "project-id": engine.project_id,
        "instance-name": engine.instance_name,
        "service-account-id": claims.sub,
        "service-account-email": claims.email,
      };
      const demanded = restrictions(role, "authn-gcp", undefined);
      if (!["project-id", "service-account-id", "service-account-email"].some((name) => demanded.has(name))) throw empty(401);
      if (![...demanded].every(([restriction, value]) => actual[restriction] === value)) throw empty(401);
      return login;
    },
  };
}
