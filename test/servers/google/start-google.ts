import { type Certificates, makeCertificates } from "../certificates.ts";
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
import { GoogleError, statusForHttp } from "./google-error.ts";
import { readRequest } from "./rest-routes.ts";
import { type Message, type Permission, SecretManager } from "./secret-manager.ts";
import { type GrpcCall, startGrpc } from "./start-grpc.ts";

export interface GoogleOptions {
  /** Whose tokens count; `googleToken` makes one. */
  readonly tokens: TokenServer;
  readonly tls?: Certificates;
  readonly clock?: WallClock;
  /** By default `test-project`. */
  readonly projectId?: string;
  /** How answers name the project. By default `123456789012`. */
  readonly projectNumber?: string;
  /** gRPC without TLS, where the library can send no token: then a call without one may do everything. */
  readonly plainGrpc?: boolean;
}

export interface GoogleServer extends HttpsService {
  readonly projectId: string;
  readonly projectNumber: string;
  readonly grpcPort: number;
  /** What came over gRPC; `requests` is what came over REST. */
  readonly calls: GrpcCall[];
  /** Puts a secret with one version past the wire. Gives the version's name. Once more: a further version. */
  seed(secretId: string, value: string | Uint8Array, options?: { readonly location?: string; readonly secret?: Message }): string;
  /** From now on this account may do only this. Without a call it may do everything. */
  restrict(email: string, permissions: readonly Permission[]): void;
}

const audience = "https://secretmanager.googleapis.com/";
const scope = "https://www.googleapis.com/auth/cloud-platform";

/** An access token for Secret Manager. Any claim can be replaced, to make a wrong one. */
export function googleToken(
  tokens: TokenServer,
  email = "tester@test-project.iam.gserviceaccount.com",
  claims: object = {},
): Promise<string> {
  return tokens.mint({ aud: audience, scope, email, ...claims });
}

/** Starts Secret Manager: REST over HTTPS and gRPC, before one store. */
export async function startGoogle(options: GoogleOptions): Promise<GoogleServer> {
  const { projectId = "test-project", projectNumber = "123456789012", tokens } = options;
  const store = new SecretManager({ clock: options.clock ?? wallClock, projectId, projectNumber });

  const authenticate = async (authorization: string | undefined): Promise<string> => {
    const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1];
    if (token === undefined) {
      throw new GoogleError("UNAUTHENTICATED", "Request is missing required authentication credential.", "CREDENTIALS_MISSING");
    }
    const claims = await tokens.authority.verify(token, { issuer: tokens.issuer, audience }).catch(() => undefined);
    if (claims === undefined) {
      throw new GoogleError(
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
        "ACCESS_TOKEN_TYPE_UNSUPPORTED",
      );
    }
    if (!String(claims.scope).split(" ").includes(scope)) {
      throw new GoogleError(
        "PERMISSION_DENIED",
        "Request had insufficient authentication scopes.",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
      );
    }
    return String(claims.email);
  };

  const handle = async (request: ServiceRequest, violate: Violate): Promise<ServiceAnswer> => {
    try {
      const email = await authenticate(request.headers.authorization);
      const { method, message } = readRequest(request, violate);
      const answer = store.call(method, message, email);
      const withNumbers = /enum-encoding=int/.test(request.query.get("$alt") ?? "");
      return json(200, withNumbers ? numberStates(answer) : answer);
    } catch (error) {
      if (error instanceof GoogleError) return error.answer();
      throw error;
    }
  };

  const tls = options.tls ?? (await makeCertificates());
  const service = await startHttpsService({
    tls,
    handle,
    check: checkExchange("google"),
    failure: (status) => new GoogleError(statusForHttp(status), "The request failed.").answer(),
    corrupt(answer) {
      const { payload, ...rest } = JSON.parse(String(answer.body));
      if (payload === undefined) return answer;
      return json(answer.status, {
        ...rest,
        payload: { ...payload, dataCrc32c: String((Number(payload.dataCrc32c) ^ 1) >>> 0) },
      });
    },
  });
  const { faults, violations } = service;
  const grpc = await startGrpc({
    tls: options.plainGrpc ? undefined : tls,
    faults,
    violations,
    authenticate: async (authorization) =>
      options.plainGrpc && authorization === undefined ? undefined : authenticate(authorization),
    call: (method, message, email) => store.call(method, message, email),
  });
  return Object.assign({}, service, {
    projectId,
    projectNumber,
    grpcPort: grpc.port,
    calls: grpc.calls,
    async close() {
      await grpc.close();
      await service.close();
    },
    restrict: (email: string, permissions: readonly Permission[]) => store.restrict(email, permissions),
    seed(secretId: string, value: string | Uint8Array, { location, secret = {} }: { location?: string; secret?: Message } = {}) {
      const parent = `projects/${projectId}${location ? `/locations/${location}` : ""}`;
      const replication = location ? {} : { replication: { automatic: {} } };
      try {
        store.call("CreateSecret", { parent, secretId, secret: { ...replication, ...secret } }, undefined);
      } catch (error) {
        if (!(error instanceof GoogleError) || error.status !== "ALREADY_EXISTS") throw error;
      }
      const payload = { data: Buffer.from(value).toString("base64") };
      const version = store.call("AddSecretVersion", { parent: `${parent}/secrets/${secretId}`, payload }, undefined);
      return (version as Message).name as string;
    },
  });
}

const states = ["STATE_UNSPECIFIED", "ENABLED", "DISABLED", "DESTROYED"];

/** A version, or a list of them, with its state as the number of the enumeration. */
function numberStates(answer: Message): Message {
  const numbered = (version: Message) => ({ ...version, state: states.indexOf(version.state) });
  if (answer.versions) return { ...answer, versions: answer.versions.map(numbered) };
  return typeof answer.state === "string" ? numbered(answer) : answer;
}
