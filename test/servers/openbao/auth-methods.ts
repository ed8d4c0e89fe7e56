import { createSign, generateKeyPairSync } from "node:crypto";
import type { OpenBao } from "./start-openbao.ts";

/** Writes a policy, in HCL: `path "secret/data/*" { capabilities = ["read"] }`. */
export async function addPolicy(bao: OpenBao, name: string, policy: string): Promise<void> {
  await bao.call({ path: `sys/policies/acl/${name}`, body: { policy } });
}

export interface TokenOptions {
  readonly policies?: readonly string[];
  readonly ttlSeconds?: number;
  /** Past this it cannot be renewed. */
  readonly maxTtlSeconds?: number;
  readonly renewable?: boolean;
}

/** A new token. */
export async function addToken(bao: OpenBao, options: TokenOptions = {}): Promise<string> {
  const { policies = ["default"], ttlSeconds, maxTtlSeconds, renewable = true } = options;
  const body = { policies, renewable, no_parent: true, ...seconds({ ttl: ttlSeconds, explicit_max_ttl: maxTtlSeconds }) };
  return (await bao.call({ path: "auth/token/create", body })).auth.client_token;
}

export interface LoginOptions {
  readonly policies: readonly string[];
  /** How long tokens from this login live, by default an hour, and how long they can be renewed. */
  readonly ttlSeconds?: number;
  readonly maxTtlSeconds?: number;
}

async function enableAuth(bao: OpenBao, mount: string, type: string): Promise<void> {
  const { data } = await bao.call({ path: "sys/auth" });
  if (data[`${mount}/`] === undefined) await bao.call({ path: `sys/auth/${mount}`, body: { type } });
}

const tokenFields = ({ policies, ttlSeconds = 3_600, maxTtlSeconds }: LoginOptions): object => ({
  token_policies: policies,
  ...seconds({ token_ttl: ttlSeconds, token_max_ttl: maxTtlSeconds }),
});

const seconds = (fields: Readonly<Record<string, number | undefined>>): object =>
  Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}s`]])));

export interface AppRole {
  readonly roleId: string;
  readonly secretId: string;
}

/** An AppRole at `mount`, by default `approle`, and a secret id that can be used for any number of logins. */
export async function addAppRole(
  bao: OpenBao,
  role: string,
  options: LoginOptions & { readonly mount?: string },
): Promise<AppRole> {
  const { mount = "approle" } = options;
  await enableAuth(bao, mount, "approle");
  await bao.call({ path: `auth/${mount}/role/${role}`, body: tokenFields(options) });
  const { data } = await bao.call({ path: `auth/${mount}/role/${role}/role-id` });
  const secret = await bao.call({ path: `auth/${mount}/role/${role}/secret-id`, body: {} });
  return { roleId: data.role_id, secretId: secret.data.secret_id };
}

/** A user at `mount`, by default `userpass`. */
export async function addUser(
  bao: OpenBao,
  user: string,
  password: string,
  options: LoginOptions & { readonly mount?: string },
): Promise<void> {
  const { mount = "userpass" } = options;
  await enableAuth(bao, mount, "userpass");
  await bao.call({ path: `auth/${mount}/users/${user}`, body: { password, ...tokenFields(options) } });
}

export interface JwtIssuer {
  /** A token signed by the key that the mount trusts. `exp` is in ten minutes unless given. */
  sign(claims: Readonly<Record<string, unknown>>): string;
}

export interface JwtOptions extends LoginOptions {
  readonly role: string;
  readonly audience: string;
  /** By default `jwt`. At `kubernetes` it stands in for that method: same path, same body, no API server behind it. */
  readonly mount?: string;
}

/** A JWT login with a key of its own. */
export async function addJwtRole(bao: OpenBao, options: JwtOptions): Promise<JwtIssuer> {
  const { mount = "jwt", role, audience } = options;
  await enableAuth(bao, mount, "jwt");
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const trusted = publicKey.export({ type: "spki", format: "pem" });
  await bao.call({ path: `auth/${mount}/config`, body: { jwt_validation_pubkeys: [trusted] } });
  const bound = { role_type: "jwt", user_claim: "sub", bound_audiences: [audience] };
  await bao.call({ path: `auth/${mount}/role/${role}`, body: { ...bound, ...tokenFields(options) } });
  return {
    sign(claims) {
      const now = Math.floor(Date.now() / 1000);
      const parts = [
        { alg: "ES256", typ: "JWT" },
        { aud: audience, iat: now, exp: now + 600, ...claims },
      ];
      const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
      return `${text}.${createSign("sha256").update(text).sign({ key: privateKey, dsaEncoding: "ieee-p1363" }, "base64url")}`;
    },
  };
}

/** Lets clients in by certificates under this authority (PEM text). The server has to speak HTTPS. */
export async function addCertificateRole(
  bao: OpenBao,
  role: string,
  authority: string,
  options: LoginOptions & { readonly mount?: string },
): Promise<void> {
  const { mount = "cert" } = options;
  await enableAuth(bao, mount, "cert");
  await bao.call({ path: `auth/${mount}/certs/${role}`, body: { certificate: authority, ...tokenFields(options) } });
}

/** Lets pods in by their service account's token, which the API server at `host` is asked about. */
export async function addKubernetesRole(
  bao: OpenBao,
  options: LoginOptions & {
    readonly role: string;
    readonly host: string;
    readonly ca: string;
    /** A token that may create TokenReviews. */
    readonly reviewer: string;
    readonly serviceAccount: string;
    readonly namespace: string;
    readonly mount?: string;
  },
): Promise<void> {
  const { mount = "kubernetes", role, host, ca, reviewer, serviceAccount, namespace } = options;
  await enableAuth(bao, mount, "kubernetes");
  await bao.call({
    path: `auth/${mount}/config`,
    body: { kubernetes_host: host, kubernetes_ca_cert: ca, token_reviewer_jwt: reviewer, disable_local_ca_jwt: true },
  });
  const bound = { bound_service_account_names: [serviceAccount], bound_service_account_namespaces: [namespace] };
  await bao.call({ path: `auth/${mount}/role/${role}`, body: { ...bound, ...tokenFields(options) } });
}
