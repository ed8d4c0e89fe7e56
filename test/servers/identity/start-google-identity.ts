import { generateKeyPairSync, randomUUID } from "node:crypto";
import { decodeProtectedHeader, importSPKI, type JWTPayload, jwtVerify } from "jose";
import type { Certificates } from "../certificates.ts";
import {
  type HttpsService,
  json,
  type ServiceAnswer,
  type ServiceRequest,
  startHttpsService,
  type Violate,
} from "../https-service.ts";
import type { TokenAuthority, WallClock } from "../oidc/token-authority.ts";

export interface GoogleIdentityOptions {
  readonly clock: WallClock;
  /** Signs Google's own tokens. */
  readonly authority: TokenAuthority;
  /** Signs the subject tokens of the pool. */
  readonly pool: TokenAuthority;
  readonly tls?: Certificates;
  /** Whether a signed request for GetCallerIdentity comes from the AWS role that the pool trusts. */
  readonly isAwsCaller: (request: Omit<ServiceRequest, "query">) => boolean;
}

/** What gives out Google's tokens: the metadata server over plain HTTP, the token services over TLS. */
export interface GoogleIdentity {
  readonly metadata: HttpsService;
  readonly services: HttpsService;
  readonly serviceAccount: { readonly email: string; readonly privateKey: string; readonly keyId: string };
  readonly user: { readonly clientSecret: string; refreshToken: string };
  readonly audience: string;
  readonly issued: number;
  /** The claims of an access token, or of one that a service account signed for itself, if a service of Google's would take it. */
  accept(token: string, scope: string): Promise<JWTPayload>;
  /** The claims of an identity token, if it is for this audience. */
  acceptIdentity(token: string, audience: string): Promise<JWTPayload>;
  close(): Promise<void>;
}

const issuer = "https://accounts.google.com";
export const poolIssuer = "https://issuer.test";
const email = "ml@test-project.iam.gserviceaccount.com";
const grant = (name: string): string => `urn:ietf:params:oauth:grant-type:${name}`;
const invalidGrant = json(400, { error: "invalid_grant", error_description: "Invalid JWT Signature." });

export async function startGoogleIdentity({
  clock,
  authority,
  pool,
  tls,
  isAwsCaller,
}: GoogleIdentityOptions): Promise<GoogleIdentity> {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = await importSPKI(pair.publicKey.export({ type: "spki", format: "pem" }).toString(), "RS256");
  const serviceAccount = {
    email,
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    keyId: randomUUID().replaceAll("-", ""),
  };
  const user = { clientSecret: `GOCSPX-${randomUUID()}`, refreshToken: `1//${randomUUID()}` };
  const audience = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/provider";
  let issued = 0;
  const mint = (claims: JWTPayload) => {
    issued += 1;
    return authority.mint({ iss: issuer, jti: randomUUID(), ...claims });
  };
  const accessToken = (scope: string, sub: string) => mint({ aud: issuer, scope, sub });
  const bearer = async (scope: string, sub: string) =>
    json(200, { access_token: await accessToken(scope, sub), expires_in: 3599, token_type: "Bearer", scope });
  const own = { issuer: email, subject: email, algorithms: ["RS256"], requiredClaims: ["iat", "exp"] };
  const now = () => new Date(clock.now());

  const metadata = await startHttpsService({
    tls: false,
    async handle({ method, path, query, headers }) {
      const flavour = { "metadata-flavor": "Google" };
      if (method !== "GET" || headers["metadata-flavor"] !== "Google") return { status: 403, headers: flavour };
      const [, what] = /^\/computeMetadata\/v1\/instance\/service-accounts\/default\/(token|identity)$/.exec(path) ?? [];
      if (what === undefined) return { status: 404, headers: flavour };
      if (what === "identity") {
        return {
          status: 200,
          headers: flavour,
          body: await mint({ aud: query.get("audience") ?? "", email, google: { compute_engine: {} } }),
        };
      }
      const answer = await bearer(query.get("scopes") ?? "", email);
      return { ...answer, headers: { ...answer.headers, ...flavour } };
    },
  });

  async function subject(form: URLSearchParams): Promise<string | undefined> {
    const token = form.get("subject_token") ?? "";
    if (form.get("subject_token_type") === "urn:ietf:params:oauth:token-type:jwt") {
      return (await pool.verify(token, { issuer: poolIssuer, audience: `https:${audience}` })).sub;
    }
    const { url, method, headers } = JSON.parse(decodeURIComponent(token));
    const sent = Object.fromEntries(headers.map(({ key, value }: Record<string, string>) => [String(key).toLowerCase(), value]));
    const { host, pathname, search } = new URL(url);
    // Google's own clients do not sign this header, though they should; it has to be there.
    const isForUs = sent["x-goog-cloud-target-resource"] === audience;
    if (!isForUs || sent.host !== host || method !== "POST" || search !== "?Action=GetCallerIdentity&Version=2011-06-15")
      return undefined;
    return isAwsCaller({ method, path: pathname + search, headers: sent, body: Buffer.alloc(0) }) ? "aws-role" : undefined;
  }

  async function token(request: ServiceRequest, violate: Violate): Promise<ServiceAnswer> {
    const form = new URLSearchParams(request.body.toString());
    if (form.get("grant_type") === "refresh_token") {
      if (form.get("client_secret") !== user.clientSecret || form.get("refresh_token") !== user.refreshToken) return invalidGrant;
      return bearer("https://www.googleapis.com/auth/cloud-platform", "user");
    }
    if (form.get("grant_type") !== grant("jwt-bearer")) return json(400, { error: "unsupported_grant_type" });
    const assertion = form.get("assertion") ?? "";
    try {
      const { payload } = await jwtVerify(assertion, publicKey, { ...own, audience: `${url}/token`, currentDate: now() });
      if ((payload.exp ?? 0) - (payload.iat ?? 0) > 3600) return invalidGrant;
      if (decodeProtectedHeader(assertion).kid !== serviceAccount.keyId) violate("an assertion without its key's id");
      return json(200, { id_token: await mint({ aud: String(payload.target_audience), email }) });
    } catch {
      return invalidGrant;
    }
  }

  const services = await startHttpsService({
    ...(tls && { tls }),
    async handle(request, violate) {
      const { method, path, headers } = request;
      if (method !== "POST") return { status: 404 };
      if (path === "/token") return token(request, violate);
      if (path === "/v1/token") {
        const form = new URLSearchParams(request.body.toString());
        if (form.get("grant_type") !== grant("token-exchange") || form.get("audience") !== audience) return invalidGrant;
        const found = await subject(form).catch(() => undefined);
        return found === undefined ? invalidGrant : bearer(form.get("scope") ?? "", found);
      }
      const [, action] = /^\/v1\/projects\/-\/serviceAccounts\/[^/:]+:(generateAccessToken|generateIdToken)$/.exec(path) ?? [];
      if (action === undefined) return { status: 404 };
      const caller = await accept(
        headers.authorization?.replace(/^Bearer /, "") ?? "",
        "https://www.googleapis.com/auth/cloud-platform",
      ).catch(() => undefined);
      if (caller === undefined) return json(401, { error: { code: 401, status: "UNAUTHENTICATED" } });
      const sent = JSON.parse(request.body.toString());
      if (action === "generateIdToken") return json(200, { token: await mint({ aud: sent.audience, email }) });
      const expireTime = new Date(clock.now() + Number.parseInt(sent.lifetime, 10) * 1000).toISOString();
      return json(200, { accessToken: await accessToken(sent.scope.join(" "), email), expireTime });
    },
  });
  const { url } = services;

  async function accept(token: string, scope: string): Promise<JWTPayload> {
    const isOwn = decodeProtectedHeader(token).kid === serviceAccount.keyId;
    const payload = isOwn
      ? (await jwtVerify(token, publicKey, { ...own, currentDate: now() })).payload
      : await authority.verify(token, { issuer, audience: issuer });
    if (payload.scope !== scope) throw new Error("the token has another scope");
    return payload;
  }

  return {
    metadata,
    services,
    serviceAccount,
    user,
    audience,
    get issued() {
      return issued;
    },
    accept,
    acceptIdentity: (token, expected) => authority.verify(token, { issuer, audience: expected }),
    close: async () => void (await Promise.all([metadata.close(), services.close()])),
  };
}
