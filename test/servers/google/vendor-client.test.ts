import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { OAuth2Client, PassThroughClient } from "google-auth-library";
import { type ClientOptions, grpc } from "google-gax";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTokenServer, type TokenServer } from "../oidc/start-token-server.ts";
import { type GoogleServer, googleToken, startGoogle } from "./start-google.ts";

// The second judge: what the vendor's own client makes of this server, over each of its transports.
const transports = ["gRPC over TLS", "gRPC without TLS", "REST"] as const;

describe.each(transports)("Google's own client over %s", (transport) => {
  let tokens: TokenServer;
  let server: GoogleServer;
  let client: SecretManagerServiceClient;
  const trusted = getCACertificates("default");

  beforeAll(async () => {
    tokens = await startTokenServer();
    server = await startGoogle({ tokens, plainGrpc: transport === "gRPC without TLS" });
    const token = await googleToken(tokens);
    const authClient = new OAuth2Client();
    authClient.setCredentials({ access_token: token });
    const connection: Record<typeof transport, ClientOptions> = {
      "gRPC over TLS": {
        port: server.grpcPort,
        authClient,
        sslCreds: grpc.credentials.combineChannelCredentials(
          grpc.credentials.createSsl(Buffer.from(server.ca)),
          // The library wants a plain object, and the auth client gives Headers.
          grpc.credentials.createFromGoogleCredential({
            getRequestHeaders: async () => Object.fromEntries(await authClient.getRequestHeaders()),
          }),
        ),
      },
      "gRPC without TLS": {
        port: server.grpcPort,
        authClient: new PassThroughClient(),
        sslCreds: grpc.credentials.createInsecure(),
      },
      REST: { port: server.port, authClient, fallback: true },
    };
    // The REST transport takes no certificate authority of its own.
    if (transport === "REST") setDefaultCACertificates([...trusted, server.ca]);
    client = new SecretManagerServiceClient({
      apiEndpoint: "127.0.0.1",
      universeDomain: "googleapis.com",
      ...connection[transport],
    });
  });
  afterAll(async () => {
    setDefaultCACertificates(trusted);
    await client.close();
    await server.close();
    await tokens.close();
    expect(server.violations).toEqual([]);
  });

  const parent = "projects/test-project";
  const secret = `${parent}/secrets/login`;

  it("creates, adds, reads, lists, changes and deletes", async () => {
    const [made] = await client.createSecret({
      parent,
      secretId: "login",
      secret: { replication: { automatic: {} }, labels: { team: "ml" } },
    });
    expect(made).toMatchObject({ name: "projects/123456789012/secrets/login", labels: { team: "ml" } });
    const [first] = await client.addSecretVersion({
      parent: secret,
      payload: { data: Buffer.from("123456789"), dataCrc32c: "3808858755" },
    });
    expect(first).toMatchObject({ state: "ENABLED", clientSpecifiedPayloadChecksum: true });
    await client.addSecretVersion({ parent: secret, payload: { data: Buffer.from([0, 255, 128]) } });
    const [read] = await client.accessSecretVersion({ name: `${secret}/versions/1` });
    expect(Buffer.from(read.payload?.data as Uint8Array).toString()).toBe("123456789");
    expect(String(read.payload?.dataCrc32c)).toBe("3808858755");
    const [latest] = await client.accessSecretVersion({ name: `${secret}/versions/latest` });
    expect(Buffer.from(latest.payload?.data as Uint8Array)).toEqual(Buffer.from([0, 255, 128]));
    const [versions] = await client.listSecretVersions({ parent: secret });
    expect(versions.map(({ name }) => name?.split("/").at(-1))).toEqual(["2", "1"]);
    const [changed] = await client.updateSecret({
      secret: { name: secret, versionAliases: { stable: 1 }, expireTime: { seconds: 4_000_000_000 } },
      updateMask: { paths: ["version_aliases", "expire_time"] },
    });
    expect(Number(changed.expireTime?.seconds)).toBe(4_000_000_000);
    expect((await client.accessSecretVersion({ name: `${secret}/versions/stable` }))[0].name).toMatch(/versions\/1$/);
    const [disabled] = await client.disableSecretVersion({ name: `${secret}/versions/2`, etag: versions[0]?.etag ?? "" });
    expect(disabled.state).toBe("DISABLED");
    await client.enableSecretVersion({ name: `${secret}/versions/2` });
    await client.destroySecretVersion({ name: `${secret}/versions/2` });
    for (let index = 0; index < 30; index += 1) server.seed(`many-${index}`, "x");
    const [secrets] = await client.listSecrets({ parent });
    expect(secrets).toHaveLength(31);
    await client.deleteSecret({ name: secret });
  });

  it("gets errors with the canonical code, over REST too", async () => {
    server.seed("disabled", "1");
    await client.disableSecretVersion({ name: `${parent}/secrets/disabled/versions/1` });
    const code = async (name: string) =>
      client.accessSecretVersion({ name }).then(
        () => 0,
        (error) => error.code,
      );
    expect(await code(`${parent}/secrets/missing/versions/1`)).toBe(5);
    expect(await code(`${parent}/secrets/disabled/versions/latest`)).toBe(9);
  });

  it("reads regional secrets", async () => {
    server.seed("regional", "here", { location: "europe-west1" });
    const [read] = await client.accessSecretVersion({ name: `${parent}/locations/europe-west1/secrets/regional/versions/1` });
    expect(Buffer.from(read.payload?.data as Uint8Array).toString()).toBe("here");
  });

  it("meets planned faults", async () => {
    server.seed("fragile", "123456789");
    const name = `${parent}/secrets/fragile/versions/1`;
    const options = { retry: null as never, timeout: 300 };
    const code = () =>
      client.accessSecretVersion({ name }, options).then(
        () => 0,
        (error) => error.code,
      );
    for (const [status, grpcCode] of [
      [403, 7],
      [429, 8],
      [500, 13],
      [503, 14],
    ] as const) {
      server.faults.next({ kind: "status", status });
      expect(await code()).toBe(grpcCode);
    }
    server.faults.next({ kind: "wrong-crc" });
    expect(String((await client.accessSecretVersion({ name }, options))[0].payload?.dataCrc32c)).toBe("3808858754");
    server.faults.next({ kind: "hang" });
    expect(await code()).not.toBe(0);
    server.faults.next({ kind: "reset" });
    expect(await code()).not.toBe(0);
    expect(await code()).toBe(0);
  });
});
