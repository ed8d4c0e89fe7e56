import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { callContext, isSecretsError, type SecretsError } from "@keyhold/core";
import {
  type AccessTokenSource,
  type AwsCredentialProvider,
  assumedRoleAwsCredentials,
  awsCredentials,
  azureClientSecret,
  azureManagedIdentity,
  azureTokens,
  containerAwsCredentials,
  googleTokens,
  instanceAwsCredentials,
  processAwsCredentials,
  staticAwsCredentials,
  webIdentityAwsCredentials,
} from "@keyhold/identity";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type HttpsService, startHttpsService } from "../../../test/servers/https-service.ts";
import { startWorld, type World } from "./credentials/world.ts";

let world: World;
let elsewhere: HttpsService;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "keyhold-sources-"));
  world = await startWorld();
  elsewhere = await startHttpsService({ tls: false, handle: () => ({ status: 200, body: "{}" }) });
});
afterEach(() => {
  expect(elsewhere.requests).toEqual([]);
  for (const service of [world.aws.metadata, world.aws.tokenService, world.entra, world.azure, world.google.metadata]) {
    service.faults.clear();
    service.requests.length = 0;
  }
});
afterAll(async () => {
  await Promise.all([world.close(), elsewhere.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const context = () => callContext({ clock: world.clock, deadlineMs: 20_000 });

async function failure(work: Promise<unknown>): Promise<SecretsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isSecretsError(error)) throw new Error("it did not fail with a SecretsError");
  return error;
}

const ask = (provider: AwsCredentialProvider) => failure(provider(context()));
const askToken = (source: AccessTokenSource, scope = "https://vault.azure.net/.default") => failure(source(scope, context()));
const instance = (endpoint: string, answerMs?: number) =>
  instanceAwsCredentials({ endpoint, environment: {}, ...(answerMs === undefined ? {} : { answerMs }) });

describe("a redirect", () => {
  it("is followed by no source, so that no proof goes to another host", async () => {
    const { aws, azure, entra, google } = world;
    const location = `${elsewhere.url}/steal`;
    for (const service of [aws.metadata, aws.tokenService, azure, entra, google.metadata]) {
      service.faults.next({ kind: "redirect", location }, { times: 20 });
    }
    const environment = {
      AWS_ENDPOINT_URL_STS: aws.tokenService.url,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.metadata.url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: aws.containerToken,
      AWS_WEB_IDENTITY_TOKEN_FILE: world.file("token", "token"),
      AWS_ROLE_ARN: aws.roleArn,
      GCE_METADATA_HOST: `127.0.0.1:${google.metadata.port}`,
      AZURE_AUTHORITY_HOST: entra.url,
      AZURE_TENANT_ID: entra.tenant,
      AZURE_CLIENT_ID: "client",
      AZURE_CLIENT_SECRET: "secret",
    };
    const source = staticAwsCredentials(aws.user);
    const tls = { ca: aws.tokenService.ca };
    const errors = await Promise.all([
      ask(instance(aws.metadata.url)),
      ask(containerAwsCredentials({ environment })),
      ask(webIdentityAwsCredentials({ environment, tls })),
      ask(assumedRoleAwsCredentials({ roleArn: aws.roleArn, source, environment, tls })),
      askToken(azureManagedIdentity({ endpoint: azure.url, environment: {} })),
      askToken(azureClientSecret({ environment, tls: { ca: entra.ca } })),
      failure(googleTokens({ environment }).get("scope", context())),
    ]);
    expect(errors.map(({ code, retryable }) => [code, retryable])).toEqual(errors.map(() => ["unavailable", false]));
  });
});

describe("an address that somebody else chose", () => {
  it.each([
    "http://10.0.0.1/credentials",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/ml",
    "http://169.254.170.2.example.com/",
    "http://127.0.0.1.example.com/",
    "http://169.254.170.2@example.com/",
    "http://0x0a000001/",
    "http://[::ffff:10.0.0.1]/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "credentials",
  ])("is asked for no container credentials: %s", async (uri) => {
    const error = await ask(
      containerAwsCredentials({
        environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_CONTAINER_AUTHORIZATION_TOKEN: "canary-token" },
      }),
    );
    expect([error.code, error.message.includes("canary")]).toEqual(["invalid-argument", false]);
  });

  it("does not become another host behind the container's own", async () => {
    for (const uri of ["@example.com/", ".example.com/", "example.com"]) {
      const environment = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: uri };
      expect((await ask(containerAwsCredentials({ environment }))).code).toBe("invalid-argument");
    }
  });

  it("gets no credential over plain http, wherever it is configured", async () => {
    const host = "http://identity.example.com";
    const application = { AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "s" };
    const errors = await Promise.all([
      ask(instance(host)),
      ask(
        webIdentityAwsCredentials({ roleArn: "r", tokenFile: world.file("t", "t"), environment: { AWS_ENDPOINT_URL_STS: host } }),
      ),
      askToken(azureClientSecret({ environment: { ...application, AZURE_AUTHORITY_HOST: host } })),
      askToken(azureManagedIdentity({ environment: { IDENTITY_ENDPOINT: host, IDENTITY_HEADER: "canary" } })),
      failure(googleTokens({ environment: { GCE_METADATA_HOST: "identity.example.com" } }).get("s", context())),
    ]);
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => "invalid-argument"));
  });

  it("is no part of a tenant or a region", async () => {
    const proof = { AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "s" };
    const tenant = azureClientSecret({ environment: { ...proof, AZURE_TENANT_ID: "../x" } });
    expect((await askToken(tenant)).code).toBe("invalid-argument");
    const role = { roleArn: "r", tokenFile: world.file("t", "t"), region: "evil.com/#", environment: {} };
    expect((await ask(webIdentityAwsCredentials(role))).code).toBe("invalid-argument");
  });

  it("gets no key of Azure Arc from outside of the agent's folder", async () => {
    const secret = world.file("secret.key", "canary-key");
    for (const realm of [secret, `/var/opt/azcmagent/tokens/../../../..${secret}`, "/var/opt/azcmagent/tokens/.key"]) {
      const agent = await startHttpsService({
        tls: false,
        handle: () => ({ status: 401, headers: { "www-authenticate": `Basic realm=${realm}` } }),
      });
      const environment = { IDENTITY_ENDPOINT: agent.url, IMDS_ENDPOINT: agent.url };
      expect((await askToken(azureManagedIdentity({ environment }))).code).toBe("unauthenticated");
      expect(agent.requests).toHaveLength(1);
      await agent.close();
    }
  });
});

describe("the instance metadata service", () => {
  it("is never asked in version 1, also where the token does not come through", async () => {
    for (const status of [400, 403, 404, 405, 500]) {
      world.aws.metadata.faults.next({ kind: "status", status }, { match: /^PUT / });
      const { code } = await ask(instance(world.aws.metadata.url));
      expect(code).toBe(status === 500 ? "unavailable" : "unauthenticated");
    }
    expect(world.aws.metadata.requests.map(({ request }) => request.method)).toEqual(Array(5).fill("PUT"));
  });

  it("behind one hop too many, whose token never arrives, fails in time and says why", async () => {
    world.aws.metadata.faults.next({ kind: "hang" }, { match: /^PUT / });
    const asked = failure(instanceAwsCredentials({ endpoint: world.aws.metadata.url, answerMs: 200, environment: {} })());
    const { code, hint } = await asked;
    expect([code, hint]).toEqual(["timeout", expect.stringContaining("hop limit")]);
    // On a busy machine the time may be over before the one request has come.
    expect(["", "PUT"]).toContain(world.aws.metadata.requests.map(({ request }) => request.method).join());
  });

  it("that gives credentials which have ended is taken at its word for a while, as AWS asks", async () => {
    const { metadata } = world.aws;
    metadata.faults.next(
      {
        kind: "status",
        status: 200,
        body: JSON.stringify({ AccessKeyId: "ASIA", SecretAccessKey: "s", Token: "t", Expiration: "2020-01-01T00:00:00Z" }),
      },
      { match: /credentials\/ml$/ },
    );
    const { expiration } = await instance(metadata.url)(context());
    expect(expiration?.getTime()).toBeGreaterThan(world.clock.now());
  });
});

describe("Google's metadata server", () => {
  it("is not what answers without its header", async () => {
    const other = await startHttpsService({
      tls: false,
      handle: () => ({ status: 200, body: '{"access_token":"t","expires_in":9}' }),
    });
    const environment = { GCE_METADATA_HOST: `127.0.0.1:${other.port}`, HOME: folder };
    expect((await failure(googleTokens({ environment }).get("s", context()))).code).toBe("unavailable");
    await other.close();
  });
});

describe("the default order", () => {
  const file = (name: string, text: string) => {
    const at = path.join(folder, name);
    writeFileSync(at, text);
    return at;
  };

  it("of AWS is environment, profile, web identity, container, instance; a named profile goes before the environment", async () => {
    const { aws } = world;
    const user = { AWS_ACCESS_KEY_ID: "environment", AWS_SECRET_ACCESS_KEY: "s" };
    const keys = (id: string) => `aws_access_key_id = ${id}\naws_secret_access_key = s\n`;
    const files = {
      AWS_SHARED_CREDENTIALS_FILE: file("credentials", `[default]\n${keys("profile")}[named]\n${keys("named")}`),
      AWS_CONFIG_FILE: path.join(folder, "none"),
    };
    const rest = {
      AWS_ENDPOINT_URL_STS: `${aws.metadata.url}/sts`,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.metadata.url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: aws.containerToken,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.metadata.url,
    };
    const web = { AWS_ROLE_ARN: aws.roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file("web", "token") };
    const id = async (environment: Record<string, string>) => (await awsCredentials({ environment })(context())).accessKeyId;
    expect(await id({ ...user, ...files, ...web, ...rest })).toBe("environment");
    expect(await id({ ...user, ...files, ...web, ...rest, AWS_PROFILE: "named" })).toBe("named");
    expect(await id({ ...files, ...web, ...rest })).toBe("profile");
    const asked = () => world.aws.metadata.requests.at(-1)?.request.path;
    const none = { HOME: path.join(folder, "home") };
    await failure(awsCredentials({ environment: { ...none, ...web, ...rest } })(context()));
    expect(asked()).toBe("/sts");
    await id({ ...none, ...rest });
    expect(asked()).toBe("/v1/credentials");
    await id({ ...none, AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.metadata.url });
    expect(asked()).toContain("security-credentials/ml");
    const disabled = { ...none, AWS_EC2_METADATA_DISABLED: "true" };
    expect((await ask(awsCredentials({ environment: disabled }))).code).toBe("unauthenticated");
  });

  it("hides no mistake: what is configured and fails is not passed over", async () => {
    const environment = { HOME: path.join(folder, "home"), AWS_EC2_METADATA_SERVICE_ENDPOINT: world.aws.metadata.url };
    const asked = (more: Record<string, string>) => ask(awsCredentials({ environment: { ...environment, ...more } }));
    expect((await asked({ AWS_PROFILE: "misspelt" })).code).toBe("unauthenticated");
    expect((await asked({ AWS_ACCESS_KEY_ID: "half" })).code).toBe("invalid-argument");
    expect((await asked({ AWS_WEB_IDENTITY_TOKEN_FILE: "/none", AWS_ROLE_ARN: "r" })).code).toBe("unauthenticated");
    expect(world.aws.metadata.requests).toEqual([]);
  });

  it("of Azure is what AZURE_TOKEN_CREDENTIALS leaves of it; a developer's credential is not read", async () => {
    const get = (name: string) =>
      failure(azureTokens({ environment: { AZURE_TOKEN_CREDENTIALS: name } }).get("https://vault.azure.net/.default", context()));
    expect((await get("dev")).code).toBe("unsupported");
    expect((await get("EnvironmentCredential")).message).toContain("client secret");
    expect((await get("WorkloadIdentityCredential")).message).toContain("tenant id");
  });

  it("of Google is a named file, the one that gcloud leaves, the metadata server", async () => {
    const metadata = { GCE_METADATA_HOST: `127.0.0.1:${world.google.metadata.port}`, CLOUDSDK_CONFIG: folder };
    const get = (environment: Record<string, string>) => googleTokens({ environment }).get("s", context());
    await get(metadata);
    expect(world.google.metadata.requests).toHaveLength(1);
    file("application_default_credentials.json", '{"type":"external_account_authorized_user"}');
    expect((await failure(get(metadata))).code).toBe("unsupported");
    const named = { ...metadata, GOOGLE_APPLICATION_CREDENTIALS: file("named.json", "{") };
    expect((await failure(get(named))).code).toBe("invalid-argument");
    expect(await failure(get({ ...metadata, GOOGLE_APPLICATION_CREDENTIALS: "/none" }))).toMatchObject({
      code: "unauthenticated",
      message: "the file of Google's credentials cannot be read (ENOENT)",
    });
  });
});

describe("single sign-on", () => {
  const environment = () => ({
    HOME: folder,
    AWS_CONFIG_FILE: path.join(folder, "sso-config"),
    AWS_ENDPOINT_URL: world.aws.tokenService.url,
  });
  const cache = () => path.join(folder, ".aws/sso/cache", `${createHash("sha1").update("team").digest("hex")}.json`);
  const signOn = async (token: object) => {
    mkdirSync(path.dirname(cache()), { recursive: true });
    writeFileSync(cache(), JSON.stringify(token));
    writeFileSync(
      path.join(folder, "sso-config"),
      "[default]\nsso_session = team\nsso_account_id = 123456789012\nsso_role_name = ml\n[sso-session team]\nsso_region = eu-west-1\nsso_start_url = https://t.awsapps.com/start\n",
    );
    return awsCredentials({ environment: environment(), tls: { ca: world.aws.tokenService.ca } })(context());
  };

  it("renews a token that has ended, and leaves the new one for the command line", async () => {
    const { refreshToken, clientSecret } = world.aws.signOn;
    const ended = { accessToken: "old", expiresAt: "2020-01-01T00:00:00Z", startUrl: "https://t.awsapps.com/start" };
    expect((await signOn({ ...ended, refreshToken, clientId: "id", clientSecret })).sessionToken).toBeDefined();
    const kept = JSON.parse(readFileSync(cache(), "utf8"));
    expect([kept.accessToken, kept.startUrl, kept.refreshToken]).toEqual([
      world.aws.signOn.accessToken,
      ended.startUrl,
      refreshToken,
    ]);
    expect(Date.parse(kept.expiresAt)).toBeGreaterThan(world.clock.now());
    expect(statSync(cache()).mode & 0o777).toBe(0o600);
  });

  it("that has ended for good asks for a new sign-on", async () => {
    const ended = { accessToken: "old", expiresAt: "2020-01-01T00:00:00Z" };
    const { code, hint } = await failure(signOn(ended));
    expect([code, hint]).toEqual(["unauthenticated", expect.stringContaining("aws sso login")]);
  });
});

describe("a credential process", () => {
  const run = (code: string) => ask(processAwsCredentials({ command: `"${process.execPath}" -e "${code}"` }));
  it("that fails, prints something else or prints expired keys, shows nothing of what it printed", async () => {
    const errors = [
      await run("console.error('canary'); process.exit(3)"),
      await run("console.log('canary')"),
      await run("console.log(JSON.stringify({ Version: 2, SecretAccessKey: 'canary' }))"),
      await run(
        "console.log(JSON.stringify({ Version: 1, AccessKeyId: 'a', SecretAccessKey: 'canary', Expiration: '2020-01-01T00:00:00Z' }))",
      ),
    ];
    expect(errors.map(({ code }) => code)).toEqual(["unauthenticated", "invalid-argument", "decode", "unauthenticated"]);
    for (const error of errors) expect(`${error.stack}${error.hint}${JSON.stringify(error)}`).not.toContain("'canary'");
  });
});

it("nothing that answers at a raw socket keeps a call longer than it may take", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const error = await failure(
    azureManagedIdentity({ endpoint: `http://127.0.0.1:${port}`, answerMs: 100, environment: {} })(
      "https://a/.default",
      callContext(),
    ),
  );
  expect(error.code).toBe("timeout");
  silent.close();
});
