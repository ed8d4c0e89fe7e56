import { randomBytes, randomUUID } from "node:crypto";
import { type AwsCredentials, verifySignature } from "../aws/verify-signature.ts";
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

export interface AwsIdentityOptions {
  readonly clock: WallClock;
  /** Signs the web identities that the role trusts. */
  readonly authority: TokenAuthority;
  readonly tls?: Certificates;
}

/** The services that give out AWS credentials: metadata and containers over plain HTTP, STS and single sign-on over TLS. */
export interface AwsIdentity {
  readonly metadata: HttpsService;
  readonly tokenService: HttpsService;
  /** Long-lived keys that may take on the role. */
  readonly user: AwsCredentials;
  readonly roleArn: string;
  readonly externalId: string;
  /** What the container's agent wants to see. */
  readonly containerToken: string;
  /** What a person's sign-on left. */
  readonly signOn: { accessToken: string; refreshToken: string; clientSecret: string };
  /** Credentials as a service would give them, for an hour or as long as told. */
  issue(lifetimeMs?: number): AwsCredentials;
  /** How many have been given out. */
  readonly issued: number;
  revoke(accessKeyId: string): void;
  /** Why a service of AWS refuses a request; undefined: it does not. */
  refusal(request: Omit<ServiceRequest, "query">, service: string): string | undefined;
  close(): Promise<void>;
}

const rolesPath = "/latest/meta-data/iam/security-credentials/";
const issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/TEST";

const stsError = (status: number, code: string): ServiceAnswer => ({
  status,
  headers: { "content-type": "text/xml" },
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>refused</Message></Error></ErrorResponse>`,
});

export async function startAwsIdentity({ clock, authority, tls }: AwsIdentityOptions): Promise<AwsIdentity> {
  const known = new Map<string, AwsCredentials>();
  const random = (bytes: number) => randomBytes(bytes).toString("base64");
  const user: AwsCredentials = { accessKeyId: "AKIAKEYHOLDTESTUSER0", secretAccessKey: random(30) };
  known.set(user.accessKeyId, user);
  const roleArn = "arn:aws:iam::123456789012:role/ml";
  const externalId = `external-${randomUUID()}`;
  const containerToken = `container ${randomUUID()}`;
  const signOn = { accessToken: random(24), refreshToken: random(24), clientSecret: random(24) };
  const sessions = new Set<string>();
  let issued = 0;

  const issue = (lifetimeMs = 3_600_000): AwsCredentials => {
    issued += 1;
    const credentials: AwsCredentials = {
      accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
      secretAccessKey: random(30),
      sessionToken: random(96),
      expiresAt: new Date(clock.now() + lifetimeMs),
    };
    known.set(credentials.accessKeyId, credentials);
    return credentials;
  };
  const verify = (request: Omit<ServiceRequest, "query">, service: string) =>
    verifySignature({ ...request, url: request.path }, { service, regions: ["eu-west-1"], known, now: clock.now() });

  const written = ({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: AwsCredentials) => ({
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiresAt?.toISOString(),
  });

  function instance({ method, path, headers }: ServiceRequest, violate: Violate): ServiceAnswer {
    // The service drops what came through a proxy, which is how a forged request mostly comes.
    if (headers["x-forwarded-for"] !== undefined) return { status: 403 };
    if (method === "PUT" && path === "/latest/api/token") {
      const seconds = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
      if (!(seconds >= 1 && seconds <= 21_600)) return { status: 400 };
      const session = random(40);
      sessions.add(session);
      return { status: 200, headers: { "content-type": "text/plain" }, body: session };
    }
    if (headers["x-aws-ec2-metadata-token"] === undefined) violate("version 1 of the metadata service");
    if (!sessions.has(String(headers["x-aws-ec2-metadata-token"]))) return { status: 401 };
    if (path === rolesPath) return { status: 200, headers: { "content-type": "text/plain" }, body: "ml" };
    if (path === "/latest/meta-data/placement/region") return { status: 200, body: "eu-west-1" };
    return path === `${rolesPath}ml` ? json(200, { Code: "Success", Type: "AWS-HMAC", ...written(issue()) }) : { status: 404 };
  }

  const metadata = await startHttpsService({
    tls: false,
    handle(request, violate) {
      const { path, headers } = request;
      if (path === "/v1/credentials") {
        return headers.authorization === containerToken ? json(200, written(issue())) : json(401, { Code: "AccessDenied" });
      }
      if (path === "/process") return json(200, { Version: 1, ...written(issue()), SessionToken: undefined });
      return instance(request, violate);
    },
  });

  async function assume(request: ServiceRequest, violate: Violate): Promise<ServiceAnswer> {
    const form = new URLSearchParams(request.body.toString());
    if (form.get("Version") !== "2011-06-15" || !/^[\w+=,.@-]{2,64}$/.test(form.get("RoleSessionName") ?? "")) {
      violate("AssumeRole without its version or a session's name");
    }
    if (form.get("RoleArn") !== roleArn) return stsError(403, "AccessDenied");
    if (form.get("Action") === "AssumeRole") {
      const verified = verify(request, "sts");
      if ("refusal" in verified) {
        const isExpired = verified.refusal.type === "ExpiredTokenException";
        return stsError(403, isExpired ? "ExpiredToken" : "SignatureDoesNotMatch");
      }
      if (form.get("ExternalId") !== externalId) return stsError(403, "AccessDenied");
    } else {
      if (request.headers.authorization !== undefined) violate("a signed AssumeRoleWithWebIdentity");
      try {
        await authority.verify(form.get("WebIdentityToken") ?? "", { issuer, audience: "sts.amazonaws.com" });
      } catch (error) {
        return stsError(
          400,
          (error as { code?: string }).code === "ERR_JWT_EXPIRED" ? "ExpiredTokenException" : "InvalidIdentityToken",
        );
      }
    }
    const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = issue(Number(form.get("DurationSeconds") ?? 3600) * 1000);
    const name = String(form.get("Action"));
    const body = `<${name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${name}Result><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken><Expiration>${expiresAt?.toISOString()}</Expiration></Credentials></${name}Result></${name}Response>`;
    return { status: 200, headers: { "content-type": "text/xml" }, body };
  }

  const tokenService = await startHttpsService({
    ...(tls && { tls }),
    handle(request, violate) {
      const { method, path, headers, query } = request;
      if (method === "POST" && path === "/") return assume(request, violate);
      if (method === "POST" && path === "/token") {
        const sent = JSON.parse(request.body.toString());
        const fits = sent.refreshToken === signOn.refreshToken && sent.clientSecret === signOn.clientSecret;
        if (!fits || sent.grantType !== "refresh_token") return json(400, { error: "invalid_grant" });
        signOn.accessToken = random(24);
        return json(200, { accessToken: signOn.accessToken, expiresIn: 3600, refreshToken: signOn.refreshToken });
      }
      if (method === "GET" && path === "/federation/credentials") {
        if (headers["x-amz-sso_bearer_token"] !== signOn.accessToken) return json(401, { __type: "UnauthorizedException" });
        if (query.get("account_id") !== "123456789012" || query.get("role_name") !== "ml")
          return json(403, { __type: "ForbiddenException" });
        const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = issue();
        return json(200, { roleCredentials: { accessKeyId, secretAccessKey, sessionToken, expiration: expiresAt?.getTime() } });
      }
      return { status: 404 };
    },
  });

  return {
    metadata,
    tokenService,
    user,
    roleArn,
    externalId,
    containerToken,
    signOn,
    issue,
    get issued() {
      return issued;
    },
    revoke: (accessKeyId) => void known.delete(accessKeyId),
    refusal(request, service) {
      const verified = verify(request, service);
      return "refusal" in verified ? verified.refusal.type : undefined;
    },
    close: async () => void (await Promise.all([metadata.close(), tokenService.close()])),
  };
}

/** The claims of a service account's token that the role trusts. */
export const webIdentityClaims = { iss: issuer, aud: "sts.amazonaws.com", sub: "system:serviceaccount:ml:app" };
