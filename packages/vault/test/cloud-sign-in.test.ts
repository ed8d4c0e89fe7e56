import { createPublicKey, verify } from "node:crypto";
import { callContext } from "@keyhold/testing";
import { awsIamAuth, azureAuth, gcpAuth, type VaultAuth, vault } from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { verifySignature } from "../../../test/servers/aws/verify-signature.ts";
import { certificateAuthority } from "../../../test/servers/certificates.ts";
import { type HttpsService, json, type ServiceRequest, startHttpsService } from "../../../test/servers/https-service.ts";
import { createTokenAuthority, type TokenAuthority } from "../../../test/servers/oidc/token-authority.ts";
import { addPolicy, addToken } from "../../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { startFaultyBao } from "./faulty-bao.ts";

const aws = { accessKeyId: "AKIAKEYHOLDTEST00001", secretAccessKey: "canary-aws-secret-9d2e" };
let bao: OpenBao;
let door: HttpsService;
let cloud: HttpsService;
let authority: TokenAuthority;
let token: string;

/** The claims of a token that the authority signed and that has not ended. */
function claimsOf(jwt: string): Readonly<Record<string, unknown>> {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const key = createPublicKey({ key: authority.jwks.keys[0] as never, format: "jwk" });
  const isSigned = verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  return isSigned && claims.exp > Date.now() / 1000 ? claims : {};
}

/** What Vault's methods for clouds do, of which OpenBao has none: they check the token's issuer and audience. */
function cloudLogin({ path, body }: ServiceRequest) {
  const [, mount] = /^\/v1\/auth\/(azure|gcp|aws)\/login$/.exec(path) ?? [];
  if (mount === undefined) return undefined;
  const sent = JSON.parse(body.toString());
  const accepted = (): boolean => {
    if (mount === "aws") {
      const headers = JSON.parse(Buffer.from(sent.iam_request_headers, "base64").toString());
      const request = { method: "POST", url: "/", headers, body: Buffer.from(sent.iam_request_body, "base64") };
      const known = new Map([[aws.accessKeyId, aws]]);
      return "credentials" in verifySignature(request, { service: "sts", regions: ["us-east-1"], known, now: Date.now() });
    }
    const { iss, aud } = claimsOf(sent.jwt);
    return mount === "azure"
      ? iss === "https://sts.windows.net/tenant/" && aud === "https://management.azure.com/" && sent.vm_name === "vm"
      : iss === "https://accounts.google.com" && String(aud).endsWith("vault/ml");
  };
  if (sent.role !== "ml" || !accepted()) return json(400, { errors: ["not accepted"] });
  return json(200, { auth: { client_token: token, lease_duration: 3_600, renewable: true } });
}

beforeAll(async () => {
  authority = await createTokenAuthority();
  bao = await startOpenBao({ tls: await (await certificateAuthority()).issue() });
  door = await startFaultyBao(bao, { instead: cloudLogin });
  await enableKv(bao, "secret", 2);
  await bao.call({ path: "secret/data/app", body: { data: { key: "value" } } });
  await addPolicy(bao, "reader", 'path "secret/data/app" { capabilities = ["read"] }');
  token = await addToken(bao, { policies: ["reader"] });
  cloud = await startHttpsService({
    tls: false,
    async handle({ path, query, headers }) {
      if (path === "/msi/token" && headers["x-identity-header"] === "header") {
        const jwt = await authority.mint({ iss: "https://sts.windows.net/tenant/", aud: query.get("resource") ?? "" });
        return json(200, { access_token: jwt, expires_on: String(Math.floor(Date.now() / 1000) + 3600) });
      }
      const jwt = await authority.mint({ iss: "https://accounts.google.com", aud: query.get("audience") ?? "" });
      return { status: 200, headers: { "metadata-flavor": "Google" }, body: jwt };
    },
  });
});
afterAll(() => Promise.all([door.close(), bao.close(), cloud.close()]));
afterEach(() => {
  vi.unstubAllEnvs();
  expect(door.violations).toEqual([]);
});

/** What this process is, as a cloud tells it. Nothing of the machine that runs the tests stays. */
function workload(variables: Readonly<Record<string, string>>): void {
  const none = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_TOKEN_CREDENTIALS"];
  for (const name of [...none, "GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_IP"]) vi.stubEnv(name, undefined);
  vi.stubEnv("CLOUDSDK_CONFIG", import.meta.dirname);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

async function reads(auth: VaultAuth): Promise<unknown> {
  const provider = vault({ address: door.url, tls: { ca: door.ca }, auth });
  try {
    return (await provider.read({ path: "secret/app" }, callContext())).content;
  } finally {
    await provider.close?.();
  }
}

const value = { kind: "fields", fields: { key: "value" } };

it("signs in as what the workload is in AWS, Azure and Google, where nothing else is given", async () => {
  workload({
    AWS_ACCESS_KEY_ID: aws.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
    IDENTITY_ENDPOINT: `${cloud.url}/msi/token`,
    IDENTITY_HEADER: "header",
    GCE_METADATA_HOST: `127.0.0.1:${cloud.port}`,
  });
  expect(await reads(awsIamAuth({ role: "ml" }))).toEqual(value);
  expect(await reads(azureAuth({ role: "ml", vmName: "vm" }))).toEqual(value);
  expect(await reads(gcpAuth({ role: "ml" }))).toEqual(value);
});

it("signs in with a token that is given", async () => {
  const claims = { iss: "https://accounts.google.com", aud: "https://vault.internal/vault/ml" };
  expect(await reads(gcpAuth({ role: "ml", token: () => authority.mint(claims) }))).toEqual(value);
  const azure = { iss: "https://sts.windows.net/tenant/", aud: "https://management.azure.com/" };
  expect(await reads(azureAuth({ role: "ml", vmName: "vm", token: await authority.mint(azure) }))).toEqual(value);
});

it("is unauthenticated with a token of another audience, one that is forged, and none, and shows none of them", async () => {
  workload({ METADATA_SERVER_DETECTION: "none" });
  const claims = { iss: "https://accounts.google.com", aud: "vault/another" };
  const wrong = await authority.mint(claims);
  const forged = await authority.forge({ ...claims, aud: "vault/ml" });
  for (const auth of [gcpAuth({ role: "ml", token: wrong }), gcpAuth({ role: "ml", token: forged }), gcpAuth({ role: "ml" })]) {
    const error = await reads(auth).catch((thrown: unknown) => thrown as Error & { code: string });
    expect(error).toMatchObject({ code: "unauthenticated" });
    for (const jwt of [wrong, forged]) expect(String((error as Error).stack)).not.toContain(jwt);
  }
});
