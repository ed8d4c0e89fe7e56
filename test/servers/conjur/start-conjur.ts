import type { Certificates } from "../certificates.ts";
import { checkExchange } from "../contract/check-exchange.ts";
import { type HttpsService, type ServiceAnswer, startHttpsService } from "../https-service.ts";
import { type TokenAuthority, type WallClock, wallClock } from "../oidc/token-authority.ts";
import { createAccessTokens } from "./access-tokens.ts";
import { createAuthenticators } from "./authenticators.ts";
import type { ConjurState } from "./call.ts";
import { ConjurError } from "./conjur-error.ts";
import { type CreatedRoles, loadPolicy } from "./load-policy.ts";
import { RoleStore } from "./role-store.ts";
import { createRoutes } from "./routes.ts";
import { createSecretStore } from "./secret-store.ts";
import type { IamIdentity } from "./verify-caller-identity.ts";

export interface ConjurOptions {
  readonly tls?: Certificates;
  readonly clock?: WallClock;
  /** By default `test`. */
  readonly account?: string;
  /** Whoever signs the JWTs for authn-jwt, authn-azure and authn-gcp. */
  readonly authority?: TokenAuthority;
  /** The access keys that authn-iam's STS knows. */
  readonly iam?: readonly IamIdentity[];
}

export interface ConjurServer extends HttpsService {
  readonly account: string;
  /** The API key of user `admin`, who owns the root policy. */
  readonly adminApiKey: string;
  /** Loads a policy past the wire, as PATCH does. By default the root policy. Gives the new actors' API keys by full id. */
  seedPolicy(text: string, policy?: string): CreatedRoles;
  /** Gives a variable a value past the wire. */
  seed(variable: string, value: string | Uint8Array): void;
}

/** Starts Conjur over HTTPS, as strict as the service. */
export async function startConjur(options: ConjurOptions = {}): Promise<ConjurServer> {
  const { account = "test", clock = wallClock } = options;
  const secrets = createSecretStore();
  const store = new RoleStore((id) => secrets.remove(id));
  const now = () => new Date(clock.now()).toISOString();
  const bare = { policy: undefined, annotations: {}, permissions: [], createdAt: now() };
  const admin = `${account}:user:admin`;
  const adminApiKey = store.create({ id: admin, owner: admin, ...bare }) ?? "";
  store.create({ id: `${account}:policy:root`, owner: admin, ...bare });

  const setting = (variable: string) => secrets.get(`${account}:variable:${variable}`)?.value.toString();
  const authority = options.authority;
  const state: ConjurState = {
    account,
    clock,
    store,
    secrets,
    tokens: createAccessTokens(clock),
    authenticators: createAuthenticators({ account, store, clock, setting, authority, iam: options.iam ?? [] }),
  };
  const route = createRoutes(state);

  const service = await startHttpsService({
    ...(options.tls && { tls: options.tls }),
    check: checkExchange("conjur"),
    // The service says nothing but the status.
    failure: () => ({}),
    async handle(request, violate): Promise<ServiceAnswer> {
      try {
        return await route(request, violate);
      } catch (error) {
        if (error instanceof ConjurError) return error.answer;
        throw error;
      }
    },
  });
  return Object.assign(service, {
    account,
    adminApiKey,
    seedPolicy: (text: string, policy = "root") => loadPolicy(store, `${account}:policy:${policy}`, text, "PATCH", now()),
    seed(variable: string, value: string | Uint8Array) {
      secrets.put(`${account}:variable:${variable}`, Buffer.from(value));
    },
  });
}
