import { ClientCertificateCredential } from "@azure/identity";
import { createRemoteJWKSet, customFetch, jwtVerify } from "jose";
import { generate } from "selfsigned";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { send } from "../send.ts";
import { startTokenServer, type TokenServer, testClient } from "./start-token-server.ts";

let tokens: TokenServer;
let pem: { cert: string; private: string };

beforeAll(async () => {
  pem = await generate([{ name: "commonName", value: "application" }], { keySize: 2048, algorithm: "sha256" });
  tokens = await startTokenServer({ clients: [testClient, { clientId: "certified", certificate: pem.cert }], lifetimeS: 600 });
});
afterAll(() => tokens.close());
afterEach(() => {
  expect(tokens.violations).toEqual([]);
});

const scope = "https://vault.azure.net/.default";
const ask = (fields: Record<string, string>, tenant = tokens.tenant) =>
  send(tokens, "POST", `/${tenant}/oauth2/v2.0/token`, {
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "client_credentials", scope, client_id: testClient.clientId, ...fields }).toString(),
  });
const secret = { client_secret: testClient.clientSecret ?? "" };

it("publishes discovery and keys that its tokens verify against", async () => {
  const discovered = (await send(tokens, "GET", `/${tokens.tenant}/v2.0/.well-known/openid-configuration`)).json();
  expect(discovered).toMatchObject({ issuer: tokens.issuer, token_endpoint: `${tokens.url}/${tokens.tenant}/oauth2/v2.0/token` });
  const overTls = async (url: string) => new Response((await send(tokens, "GET", new URL(url).pathname)).text);
  const keys = createRemoteJWKSet(new URL(discovered.jwks_uri), { [customFetch]: overTls });
  const { access_token: token, expires_in: lifetime } = (await ask(secret)).json();
  const { payload } = await jwtVerify(token, keys, { issuer: discovered.issuer, audience: "https://vault.azure.net" });
  expect(payload).toMatchObject({ tid: tokens.tenant, appid: testClient.clientId, exp: (payload.iat ?? 0) + 600 });
  expect(lifetime).toBe(600);
});

it("refuses a wrong secret, an unknown application, tenant, scope and grant, each with its own error", async () => {
  const answers = [
    await ask({ client_secret: "wrong" }),
    await ask({ ...secret, client_id: "unknown" }),
    await ask(secret, "11111111-2222-3333-4444-555555555555"),
    await ask({ ...secret, scope: "openid" }),
    await ask({ ...secret, grant_type: "password" }),
  ];
  expect(answers.map((answer) => [answer.status, answer.json().error])).toEqual([
    [401, "invalid_client"],
    [400, "unauthorized_client"],
    [400, "invalid_request"],
    [400, "invalid_scope"],
    [400, "unsupported_grant_type"],
  ]);
});

it("takes an assertion signed with the application's own certificate, and none signed with another", async () => {
  const other = await generate([{ name: "commonName", value: "application" }], { keySize: 2048, algorithm: "sha256" });
  const signIn = ({ cert, private: key }: typeof pem) =>
    new ClientCertificateCredential(
      tokens.tenant,
      "certified",
      { certificate: `${key}${cert}` },
      { authorityHost: tokens.url, disableInstanceDiscovery: true, tlsOptions: { ca: tokens.ca } },
    ).getToken(scope);
  expect((await signIn(pem)).token).toMatch(/^ey/);
  await expect(signIn(other)).rejects.toThrow(/700027/);
});

it("notes a form field that it does not know", async () => {
  expect((await ask({ ...secret, color: "red" })).status).toBe(400);
  expect(tokens.violations).toHaveLength(1);
  tokens.violations.length = 0;
});
