import { createHash, X509Certificate } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, importSPKI, importX509, jwtVerify } from "jose";
import type { Certificates } from "../certificates.ts";
import {
  type HttpsService,
  json,
  type ServiceAnswer,
  type ServiceRequest,
  startHttpsService,
  type Violate,
} from "../https-service.ts";
import { createTokenAuthority, type TokenAuthority, type WallClock, wallClock } from "./token-authority.ts";

/** An application that may sign in, by exactly the ways given. */
export interface TokenClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  /** PEM of the certificate, or public key, that its own assertions are signed with. */
  readonly certificate?: string;
  /** Assertions that somebody else signs, as workload identity federation has them. */
  readonly federated?: {
    readonly authority: TokenAuthority;
    readonly issuer: string;
    readonly subject: string;
    readonly audience: string;
  };
}

export interface TokenServerOptions {
  readonly tls?: Certificates | false;
  readonly clock?: WallClock;
  /** By default `testTenant`. */
  readonly tenant?: string;
  readonly clients?: readonly TokenClient[];
  /** How long tokens last, in seconds. By default an hour. */
  readonly lifetimeS?: number;
}

export interface TokenServer extends HttpsService {
  readonly tenant: string;
  readonly authority: TokenAuthority;
  /** `iss` of the tokens for this tenant. */
  readonly issuer: string;
  /** A token as the token endpoint would issue it. Any claim can be replaced, to make a wrong one. */
  mint(claims?: { readonly clientId?: string; readonly aud?: string } & Record<string, unknown>): Promise<string>;
}

/** A stand-in tenant and application, for tests that need no particular one. */
export const testTenant = "72a1d7b5-3f1c-4a52-9b0e-5d6f3d2b1c90";
export const testClient: TokenClient = {
  clientId: "0d9f1c52-8a43-4c1b-9a77-1f5e0c6b7a21",
  clientSecret: "test client secret ~ 1",
};

const knownFields = new Set([
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
  "grant_type",
  "scope",
  "claims",
]);
// What MSAL adds about itself; the service accepts it.
const telemetryFields = /^(x-client-|x-app-|x-ms-|client_info$|client-request-id$|return-client-request-id$|X-AnchorMailbox$)/i;
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** An error as the service words it: RFC 6749 with numbered descriptions. */
function refusal(status: number, error: string, number: number, text: string): ServiceAnswer {
  return json(status, {
    error,
    error_description: `AADSTS${number}: ${text}`,
    error_codes: [number],
    timestamp: new Date().toISOString(),
    trace_id: "00000000-0000-0000-0000-000000000001",
    correlation_id: "00000000-0000-0000-0000-000000000002",
  });
}

async function verifyOwnAssertion(assertion: string, client: TokenClient, audience: string, clock: WallClock): Promise<boolean> {
  const pem = client.certificate ?? "";
  const algorithm = decodeProtectedHeader(assertion).alg ?? "";
  if (!/^(RS|PS)256$/.test(algorithm)) return false;
  const key = pem.includes("CERTIFICATE") ? await importX509(pem, algorithm) : await importSPKI(pem, algorithm);
  const { payload, protectedHeader } = await jwtVerify(assertion, key, {
    audience,
    issuer: client.clientId,
    subject: client.clientId,
    currentDate: new Date(clock.now()),
    // The service lets clocks differ by five minutes. MSAL's own `nbf` may lie half a second ahead.
    clockTolerance: 5 * 60,
    requiredClaims: ["exp", "jti"],
  });
  if (!pem.includes("CERTIFICATE")) return payload.jti !== "";
  const der = new X509Certificate(pem).raw;
  const thumbprint = (hash: string) => createHash(hash).update(der).digest("base64url");
  return protectedHeader["x5t#S256"] === thumbprint("sha256") || protectedHeader.x5t === thumbprint("sha1");
}

async function verifyAssertion(assertion: string, client: TokenClient, audience: string, clock: WallClock): Promise<boolean> {
  try {
    if (client.certificate !== undefined && decodeJwt(assertion).iss === client.clientId) {
      return await verifyOwnAssertion(assertion, client, audience, clock);
    }
    if (client.federated === undefined) return false;
    const { authority, ...expected } = client.federated;
    return (await authority.verify(assertion, expected)).sub === expected.subject;
  } catch {
    return false;
  }
}

/** Starts a token server in the shape of Entra ID: discovery, keys and `/{tenant}/oauth2/v2.0/token`. */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const clock = options.clock ?? wallClock;
  const tenant = options.tenant ?? testTenant;
  const clients = options.clients ?? [testClient];
  const lifetimeS = options.lifetimeS ?? 3600;
  const authority = await createTokenAuthority(clock);
  let url = "";
  const issuer = () => `${url}/${tenant}/v2.0`;
  const endpoint = () => `${url}/${tenant}/oauth2/v2.0/token`;

  const mint: TokenServer["mint"] = (claims = {}) => {
    const { clientId = testClient.clientId, ...rest } = claims;
    const now = Math.floor(clock.now() / 1000);
    return authority.mint({
      iss: issuer(),
      aud: "https://vault.azure.net",
      tid: tenant,
      appid: clientId,
      azp: clientId,
      sub: clientId,
      oid: clientId,
      ver: "1.0",
      iat: now,
      nbf: now,
      exp: now + lifetimeS,
      ...rest,
    });
  };

  const issue = async (request: ServiceRequest, violate: Violate): Promise<ServiceAnswer> => {
    if (!/^application\/x-www-form-urlencoded\b/.test(request.headers["content-type"] ?? "")) {
      violate("the token request is no form");
      return refusal(400, "invalid_request", 900144, "The request body must be a form.");
    }
    const form = new URLSearchParams(request.body.toString());
    for (const name of form.keys()) {
      if (knownFields.has(name) || telemetryFields.test(name)) continue;
      violate(`unknown form field ${name}`);
      return refusal(400, "invalid_request", 900144, "The request holds an unknown field.");
    }
    if (form.get("grant_type") !== "client_credentials") {
      return refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.");
    }
    const client = clients.find(({ clientId }) => clientId === form.get("client_id"));
    if (client === undefined) return refusal(400, "unauthorized_client", 700016, "Application was not found in the directory.");
    const scope = /^(https:\/\/\S+)\/\.default$/.exec(form.get("scope") ?? "");
    if (scope === null) return refusal(400, "invalid_scope", 70011, "The provided value for scope is not valid.");
    const assertion = form.get("client_assertion");
    if (assertion !== null) {
      if (form.get("client_assertion_type") !== assertionType) {
        violate("client_assertion without its type");
        return refusal(400, "invalid_request", 900144, "client_assertion_type is missing or wrong.");
      }
      if (!(await verifyAssertion(assertion, client, endpoint(), clock))) {
        return refusal(401, "invalid_client", 700027, "The assertion failed its check.");
      }
    } else if (client.clientSecret === undefined || form.get("client_secret") !== client.clientSecret) {
      return refusal(401, "invalid_client", 7000215, "Invalid client secret provided.");
    }
    const token = await mint({ clientId: client.clientId, aud: scope[1] ?? "" });
    const answer = { token_type: "Bearer", expires_in: lifetimeS, ext_expires_in: lifetimeS, access_token: token };
    return json(200, answer, { "cache-control": "no-store, no-cache", pragma: "no-cache" });
  };

  const service = await startHttpsService({
    ...(options.tls !== undefined && { tls: options.tls }),
    failure: (status) => refusal(status, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."),
    handle(request, violate) {
      const [, first = "", rest = ""] = /^\/([^/]+)(\/.*)$/.exec(request.path) ?? [];
      const known = first === tenant;
      if (request.method === "POST" && rest === "/oauth2/v2.0/token") {
        return known ? issue(request, violate) : refusal(400, "invalid_request", 90002, "Tenant not found.");
      }
      if (request.method === "GET" && rest === "/v2.0/.well-known/openid-configuration") {
        if (!known) return refusal(400, "invalid_tenant", 90002, "Tenant not found.");
        return json(200, {
          issuer: issuer(),
          token_endpoint: endpoint(),
          token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
          authorization_endpoint: `${url}/${tenant}/oauth2/v2.0/authorize`,
          jwks_uri: `${url}/${tenant}/discovery/v2.0/keys`,
          response_types_supported: ["token"],
          subject_types_supported: ["pairwise"],
          id_token_signing_alg_values_supported: ["RS256"],
        });
      }
      if (request.method === "GET" && rest === "/discovery/v2.0/keys") return json(200, authority.jwks);
      violate("no such endpoint");
      return { status: 404 };
    },
  });
  url = service.url;
  return Object.assign(service, { tenant, authority, issuer: issuer(), mint });
}
