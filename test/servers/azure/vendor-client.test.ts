import { ClientAssertionCredential, ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificates } from "../certificates.ts";
import { startTokenServer, type TokenServer, testClient } from "../oidc/start-token-server.ts";
import { createTokenAuthority } from "../oidc/token-authority.ts";
import { type AzureServer, startAzure } from "./start-azure.ts";

// The second judge: what the vendor's own client makes of this server.
describe("Azure's own client", () => {
  let tokens: TokenServer;
  let server: AzureServer;
  let client: SecretClient;

  beforeAll(async () => {
    const tls = await makeCertificates();
    const cluster = await createTokenAuthority();
    const federated = {
      authority: cluster,
      issuer: "https://cluster.example",
      subject: "system:serviceaccount:ml:api",
      audience: "api://AzureADTokenExchange",
    };
    tokens = await startTokenServer({ tls, clients: [testClient, { clientId: "federated-client", federated }] });
    server = await startAzure({ tokens, tls, deletingMs: 0, recoveringMs: 0 });
    const { clientId, clientSecret = "" } = testClient;
    const options = { authorityHost: tokens.url, disableInstanceDiscovery: true, tlsOptions: { ca: tls.ca } };
    client = new SecretClient(server.url, new ClientSecretCredential(tokens.tenant, clientId, clientSecret, options), {
      disableChallengeResourceVerification: true,
      tlsOptions: { ca: tls.ca },
      retryOptions: { maxRetries: 0 },
    });
  });
  afterAll(async () => {
    await server.close();
    await tokens.close();
    expect([...server.violations, ...tokens.violations]).toEqual([]);
  });

  it("signs in after the challenge, which its first request meets without a token and without a body", async () => {
    await client.setSecret("first", "value");
    const [challenged, sent] = server.requests;
    expect([challenged?.answer?.status, challenged?.request.body.length, challenged?.request.headers.authorization]).toEqual([
      401,
      0,
      undefined,
    ]);
    expect(sent?.answer?.status).toBe(200);
  });

  it("writes, reads, lists, changes, deletes, recovers and purges", async () => {
    await client.setSecret("login", "one", {
      tags: { team: "ml" },
      contentType: "text/plain",
      expiresOn: new Date(Date.now() + 3_600_000),
    });
    const second = await client.setSecret("login", "two");
    expect((await client.getSecret("login")).value).toBe("two");
    await client.updateSecretProperties("login", second.properties.version ?? "", { tags: { team: "data" } });
    const versions = [];
    for await (const properties of client.listPropertiesOfSecretVersions("login")) versions.push(properties.version);
    expect(versions).toHaveLength(2);
    for (let index = 0; index < 30; index += 1) server.seed(`many-${index}`, "x");
    const names = [];
    for await (const properties of client.listPropertiesOfSecrets()) names.push(properties.name);
    expect(names).toHaveLength(32);
    const poller = await client.beginDeleteSecret("login", { intervalInMs: 10 });
    expect((await poller.pollUntilDone()).name).toBe("login");
    const deleted = [];
    for await (const secret of client.listDeletedSecrets()) deleted.push(secret.name);
    expect(deleted).toEqual(["login"]);
    await (await client.beginRecoverDeletedSecret("login", { intervalInMs: 10 })).pollUntilDone();
    await (await client.beginDeleteSecret("login", { intervalInMs: 10 })).pollUntilDone();
    await client.purgeDeletedSecret("login");
    await expect(client.getSecret("login")).rejects.toMatchObject({ statusCode: 404, code: "SecretNotFound" });
  });

  it("refuses, by default, a challenge for a host that is not the resource's", async () => {
    const careful = new SecretClient(server.url, { getToken: async () => null }, { tlsOptions: { ca: server.ca } });
    await expect(careful.getSecret("first")).rejects.toThrow(/does not match the requested domain/);
  });

  it("signs in with an assertion that another authority signed, and not with a forged one", async () => {
    const cluster = await createTokenAuthority();
    const claims = { iss: "https://cluster.example", sub: "system:serviceaccount:ml:api", aud: "api://AzureADTokenExchange" };
    const federated = { authority: cluster, issuer: claims.iss, subject: claims.sub, audience: claims.aud };
    const own = await startTokenServer({ clients: [{ clientId: "federated-client", federated }] });
    const options = { authorityHost: own.url, disableInstanceDiscovery: true, tlsOptions: { ca: own.ca } };
    const credential = (assertion: () => Promise<string>) =>
      new ClientAssertionCredential(own.tenant, "federated-client", assertion, options);
    try {
      const scope = "https://vault.azure.net/.default";
      expect((await credential(() => cluster.mint(claims)).getToken(scope)).token).toMatch(/^ey/);
      await expect(credential(() => cluster.forge(claims)).getToken(scope)).rejects.toThrow(/700027/);
      await expect(credential(() => cluster.mint({ ...claims, sub: "other" })).getToken(scope)).rejects.toThrow(/700027/);
      expect(own.violations).toEqual([]);
    } finally {
      await own.close();
    }
  });
});
