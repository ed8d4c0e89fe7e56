import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { callContext } from "@keyhold/testing";
import {
  appRoleAuth,
  awsIamAuth,
  certificateAuth,
  jwtAuth,
  kubernetesAuth,
  tokenAuth,
  userpassAuth,
  type VaultAuth,
  type VaultOptions,
} from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AwsCredentials, verifySignature } from "../../../test/servers/aws/verify-signature.ts";
import { type CertificateAuthority, certificateAuthority } from "../../../test/servers/certificates.ts";
import { type HttpsService, json, type ServiceRequest } from "../../../test/servers/https-service.ts";
import {
  type AppRole,
  addAppRole,
  addCertificateRole,
  addJwtRole,
  addPolicy,
  addToken,
  addUser,
  type JwtIssuer,
} from "../../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

describe.each(transports)("over $transport", ({ vault }) => {
  const aws: AwsCredentials = {
    accessKeyId: "AKIAKEYHOLDTEST00000",
    secretAccessKey: "canary-aws-secret-1f9c",
    sessionToken: "canary-session",
  };
  const policies = ["reader"];
  let bao: OpenBao;
  let door: HttpsService;
  let authority: CertificateAuthority;
  let role: AppRole;
  let issuer: JwtIssuer;
  let folder: string;
  let awsToken: string;

  /** What Vault's AWS method does: it sends the signed request to STS, which checks the signature. */
  function awsLogin({ path: at, body }: ServiceRequest) {
    if (at !== "/v1/auth/aws/login") return undefined;
    const sent = JSON.parse(body.toString());
    const text = (name: string) => Buffer.from(sent[name], "base64").toString();
    const headers = JSON.parse(text("iam_request_headers"));
    const url = new URL(text("iam_request_url"));
    const verified = verifySignature(
      { method: sent.iam_http_request_method, url: url.pathname, headers, body: Buffer.from(text("iam_request_body")) },
      { service: "sts", regions: ["us-east-1", "eu-west-1"], known: new Map([[aws.accessKeyId, aws]]), now: Date.now() },
    );
    const accepted =
      "credentials" in verified &&
      headers.host === url.host &&
      headers["x-vault-aws-iam-server-id"] === "vault.internal" &&
      text("iam_request_body") === "Action=GetCallerIdentity&Version=2011-06-15" &&
      sent.role === "ml";
    if (!accepted) return json(400, { errors: ["error making upstream request: received error code 403 from STS"] });
    return json(200, { auth: { client_token: awsToken, lease_duration: 3_600, renewable: true } });
  }

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "keyhold-vault-"));
    authority = await certificateAuthority();
    bao = await startOpenBao({ tls: await authority.issue() });
    door = await startFaultyBao(bao, { instead: awsLogin });
    await enableKv(bao, "secret", 2);
    await bao.call({ path: "secret/data/app", body: { data: { key: "value" } } });
    await addPolicy(bao, "reader", 'path "secret/data/app" { capabilities = ["read"] }');
    role = await addAppRole(bao, "app", { policies });
    issuer = await addJwtRole(bao, { mount: "kubernetes", role: "ml", audience: "vault", policies });
    await addUser(bao, "ann", "pässword", { policies });
    await addCertificateRole(bao, "clients", authority.ca, { policies });
    awsToken = await addToken(bao, { policies });
  });
  afterAll(async () => {
    await Promise.all([door.close(), bao.close(), rm(folder, { recursive: true })]);
  });
  beforeEach(() => {
    door.requests.length = 0;
  });
  afterEach(() => expect(door.violations).toEqual([]));

  const open = (auth: VaultAuth, options: VaultOptions = {}) =>
    vault({ address: door.url, tls: { ca: door.ca }, auth, ...options });
  const app = { path: "secret/app" };
  const value = { kind: "fields", fields: { key: "value" } };
  const sent = (pattern: RegExp) => door.requests.filter(({ request }) => pattern.test(`${request.method} ${request.path}`));

  async function reads(auth: VaultAuth, options: VaultOptions = {}): Promise<unknown> {
    const provider = open(auth, options);
    try {
      return (await provider.read(app, callContext())).content;
    } finally {
      await provider.close?.();
    }
  }

  describe("a login", () => {
    it("by AppRole, password, JWT and token reads what its policy allows", async () => {
      for (const auth of [
        appRoleAuth(role),
        appRoleAuth({ roleId: role.roleId, secretId: async () => `${role.secretId}\n` }),
        userpassAuth({ username: "ann", password: "pässword" }),
        jwtAuth({ role: "ml", mount: "kubernetes", token: () => issuer.sign({ sub: "worker" }) }),
        tokenAuth(() => addToken(bao, { policies })),
      ]) {
        expect(await reads(auth), auth.method).toEqual(value);
      }
    });

    it("from a pod reads the service account's token anew each time", async () => {
      const tokenPath = path.join(folder, "service-account");
      const auth = kubernetesAuth({ role: "ml", tokenPath });
      for (const sub of ["before", "rotated"]) {
        await writeFile(tokenPath, issuer.sign({ sub }));
        expect(await reads(auth)).toEqual(value);
      }
      await writeFile(tokenPath, issuer.sign({ sub: "late", exp: Math.floor(Date.now() / 1000) - 600 }));
      await expect(reads(auth)).rejects.toMatchObject({ code: "unauthenticated" });
      await rm(tokenPath);
      await expect(reads(auth)).rejects.toMatchObject({ code: "unauthenticated", message: expect.stringContaining("ENOENT") });
    });

    it("by a client certificate is that of the connection", async () => {
      const { cert, key } = await authority.issue({ hosts: ["client"] });
      const options = { address: bao.url, mounts: { secret: 2 } as const };
      expect(await reads(certificateAuth(), { ...options, tls: { ca: bao.ca, cert, key } })).toEqual(value);
      expect(await reads(certificateAuth({ role: "clients" }), { ...options, tls: { ca: bao.ca, cert, key } })).toEqual(value);
      await expect(reads(certificateAuth(), { ...options, tls: { ca: bao.ca } })).rejects.toMatchObject({
        code: "unauthenticated",
      });
    });

    it("by AWS IAM sends a request that STS accepts, and no key", async () => {
      const options = { role: "ml", serverId: "vault.internal", credentials: async () => aws };
      expect(await reads(awsIamAuth(options))).toEqual(value);
      expect(await reads(awsIamAuth({ ...options, region: "eu-west-1", credentials: aws }))).toEqual(value);
      expect(door.requests.some(({ request }) => request.body.includes(aws.secretAccessKey))).toBe(false);
      for (const wrong of [
        { credentials: { ...aws, secretAccessKey: "another" } },
        { serverId: "another.cluster" },
        { credentials: () => Promise.reject(new Error(aws.secretAccessKey)) },
      ]) {
        await expect(reads(awsIamAuth({ ...options, ...wrong }))).rejects.toMatchObject({ code: "unauthenticated" });
      }
    });

    it.each([
      ["a wrong secret id", () => appRoleAuth({ ...role, secretId: "wrong" })],
      ["an empty secret id", () => appRoleAuth({ ...role, secretId: " \n" })],
      [
        "a secret id that cannot be got",
        () => appRoleAuth({ ...role, secretId: () => Promise.reject(new Error(role.secretId)) }),
      ],
      ["a wrong password", () => userpassAuth({ username: "ann", password: "wrong" })],
      ["a mount that is not there", () => appRoleAuth({ ...role, mount: "nowhere" })],
      ["a role that is not there", () => jwtAuth({ role: "none", mount: "kubernetes", token: issuer.sign({ sub: "a" }) })],
      ["a token that is not valid", () => tokenAuth("s.AAAAAAAAAAAAAAAAAAAAAAAA")],
    ])("with %s is unauthenticated, with a hint", async (_what, auth) => {
      await expect(reads(auth())).rejects.toMatchObject({ code: "unauthenticated", retryable: false, hint: expect.any(String) });
    });

    it("that Vault cannot answer now is no wrong credential", async () => {
      door.faults.next({ kind: "status", status: 503, body: '{"errors":["Vault is sealed"]}' }, { match: /login/ });
      await expect(reads(appRoleAuth(role))).rejects.toMatchObject({ code: "unavailable", retryable: true });
    });

    it("leads to no other path than its own", async () => {
      const auth = userpassAuth({ username: "../../../sys/seal", password: "x" });
      await expect(reads(auth)).rejects.toMatchObject({ code: "invalid-argument" });
      expect(door.requests).toHaveLength(0);
    });
  });

  describe("options", () => {
    it("come from VAULT_ADDR, VAULT_TOKEN and VAULT_NAMESPACE where they are not given, and say so where they are missing", () => {
      const kept = { ...process.env };
      for (const name of ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE"]) delete process.env[name];
      try {
        expect(() => vault()).toThrow(/address/);
        expect(() => vault({ address: door.url })).toThrow(/credential/);
        Object.assign(process.env, { VAULT_ADDR: door.url, VAULT_TOKEN: "s.token" });
        expect(vault().kind).toBe("vault");
        expect(() => vault({ address: "http://vault.internal:8200" })).toThrow(/plain http/);
        expect(() => awsIamAuth({ stsEndpoint: "https://user:canary@sts.internal" })).toThrow(/^the address of STS/);
      } finally {
        for (const name of ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE"]) delete process.env[name];
        Object.assign(process.env, kept);
      }
    });

    it("of two providers stay apart", async () => {
      const [a, b] = [open(appRoleAuth(role)), open(userpassAuth({ username: "ann", password: "pässword" }))];
      await Promise.all([a.read(app, callContext()), b.read(app, callContext())]);
      expect(new Set(sent(/secret\/data/).map(({ request }) => request.headers["x-vault-token"])).size).toBe(2);
      await Promise.all([a.close?.(), b.close?.()]);
    });
  });
});
