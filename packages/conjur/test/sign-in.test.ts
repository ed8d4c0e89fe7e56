import { azureAuth, type ConjurAuth, gcpAuth, iamAuth, jwtAuth } from "@keyhold/conjur";
import { type CallContext, SecretsError } from "@keyhold/core";
import { staticAwsCredentials } from "@keyhold/identity";
import { callContext, findLeak, manualClock } from "@keyhold/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { json, startHttpsService } from "../../../test/servers/https-service.ts";
import { hung } from "../../../test/servers/hung.ts";
import { createTokenAuthority } from "../../../test/servers/oidc/token-authority.ts";
import { readText, type Started, start } from "./start.ts";

let started: Started;
afterEach(async () => {
  expect(started.server.violations).toEqual([]);
  expect(started.server.faults.pending).toBe(0);
  await started.close();
});

const signInPath = /^POST \/authn/;
const refusals = () => started.server.requests.filter(({ answer }) => answer?.status === 401).length;

async function withValue(options: Parameters<typeof start>[1] = {}): Promise<void> {
  started = await start("- !variable key", options);
  started.server.seed("key", "value");
}

describe("the access token", () => {
  it("comes from one sign-in, however many call at once", async () => {
    await withValue();
    const provider = started.open();
    const texts = await Promise.all(Array.from({ length: 50 }, () => readText(provider, "key", callContext())));
    expect(texts.every((text) => text === "value")).toBe(true);
    expect(started.signIns()).toBe(1);
  });

  it("is renewed before it expires, while the one before goes on serving", async () => {
    const clock = manualClock();
    await withValue({ clock });
    const provider = started.open();
    for (let minute = 0; minute <= 60; minute += 0.5) {
      expect(await readText(provider, "key", callContext({ clock }))).toBe("value");
      await clock.advance(30_000);
    }
    expect(refusals()).toBe(0);
    // One in six minutes, as it lives eight.
    expect(started.signIns()).toBeGreaterThanOrEqual(8);
    expect(started.signIns()).toBeLessThanOrEqual(11);
  });

  it("serves its whole life while no renewal succeeds, and its holder sees none of that", async () => {
    const clock = manualClock();
    await withValue({ clock });
    const provider = started.open();
    await readText(provider, "key", callContext({ clock }));
    await clock.advance(6.5 * 60_000);
    started.server.faults.next({ kind: "status", status: 503 }, { match: signInPath, times: 3 });
    while (started.server.faults.pending > 0) expect(await readText(provider, "key", callContext({ clock }))).toBe("value");
    await clock.advance(2 * 60_000);
    expect(await readText(provider, "key", callContext({ clock }))).toBe("value");
    expect(refusals()).toBe(0);
  });

  it("is not used after a freeze, in which only the wall clock went on", async () => {
    const clock = manualClock();
    await withValue({ clock });
    const provider = started.open();
    await readText(provider, "key", callContext({ clock }));
    clock.setWall(clock.now() + 30 * 60_000);
    expect(await readText(provider, "key", callContext({ clock }))).toBe("value");
    expect([refusals(), started.signIns()]).toEqual([0, 2]);
  });

  it.each([-1, 1])("lives as long on a machine whose clock is off by %i hour", async (hours) => {
    await withValue();
    const clock = manualClock();
    clock.setWall(Date.now() + hours * 3_600_000);
    const provider = started.open();
    for (let count = 0; count < 3; count += 1) await readText(provider, "key", callContext({ clock }));
    expect(started.signIns()).toBe(1);
  });

  it("is dropped when Conjur refuses it, once for all who hold it", async () => {
    let now = Date.now();
    await withValue({ clock: { now: () => now } });
    const provider = started.open();
    await readText(provider, "key", callContext());
    // Conjur's clock alone goes on, so that this side believes in its token.
    now += 9 * 60_000;
    const texts = await Promise.all(Array.from({ length: 10 }, () => readText(provider, "key", callContext())));
    expect(texts.every((text) => text === "value")).toBe(true);
    expect([refusals(), started.signIns()]).toEqual([10, 2]);
  });

  it("is waited for by each caller on its own: one that leaves takes no other along", async () => {
    await withValue();
    const provider = started.open();
    const left = Promise.withResolvers<void>();
    started.server.faults.next({ kind: "held", until: left.promise }, { match: signInPath });
    const controller = new AbortController();
    const first = readText(provider, "key", callContext({ signal: controller.signal }));
    const late = readText(provider, "key", callContext({ deadlineMs: 50 }));
    const second = readText(provider, "key", callContext());
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    await expect(late).rejects.toMatchObject({ code: "timeout" });
    left.resolve();
    expect(await second).toBe("value");
    expect(started.signIns()).toBe(1);
  });

  it("is given up when the last who waits has gone, and asked for anew by the next", async () => {
    await withValue();
    const provider = started.open();
    const both = (context: CallContext) => Promise.allSettled([1, 2].map(() => readText(provider, "key", context)));
    const waiting = hung(started.server.faults, async (context) => Promise.reject(await both(context)), { match: signInPath });
    for (const outcome of (await waiting) as unknown[]) expect(outcome).toMatchObject({ reason: { code: "timeout" } });
    expect(await readText(provider, "key", callContext())).toBe("value");
    expect(started.signIns()).toBe(2);
  });

  it.each([
    ["a value", '"text"'],
    ["no token", '{"payload":"e30","signature":"x"}'],
    ["a token whose payload is no JSON", '{"protected":"x","payload":"####","signature":"x"}'],
  ])("that is %s is a decode error", async (_name, body) => {
    await withValue();
    const headers = { "content-type": "application/json" };
    started.server.faults.next({ kind: "status", status: 200, headers, body }, { match: signInPath });
    await expect(started.open().read({ path: "key" }, callContext())).rejects.toMatchObject({ code: "decode" });
  });

  it("is not asked for before the first call, nor after close", async () => {
    await withValue();
    const provider = started.open();
    expect(started.signIns()).toBe(0);
    await provider.close?.();
    await expect(provider.read({ path: "key" }, callContext())).rejects.toMatchObject({ code: "closed" });
    expect(started.signIns()).toBe(0);
  });
});

describe("an identity of another system", () => {
  const iam = {
    accessKeyId: "AKIATESTTESTTEST",
    secretAccessKey: "aws-secret-access-key",
    sessionToken: "aws-session",
    account: "123456789012",
    role: "ml",
  };
  const service = (id: string, variables: readonly string[]) => `
- !policy
  id: conjur/${id}
  body:
    - !webservice
    - !group apps
    - !permit { role: !group apps, privilege: [read, authenticate], resource: !webservice }
${variables.map((name) => `    - !variable ${name}`).join("\n")}
- !grant { role: !group conjur/${id}/apps, member: !host ${id.replaceAll("/", "-")}/123456789012/ml }`;
  const host = (id: string, annotations: string) => `- !host { id: ${id}/123456789012/ml, annotations: { ${annotations} } }`;

  async function withAuthenticators() {
    const authority = await createTokenAuthority();
    const hosts = [
      host("authn-jwt-ci", "authn-jwt/ci/project: models"),
      host("authn-jwt-url", "authn-jwt/url/project: models"),
      host("authn-iam-prod", "team: ml"),
      host("authn-azure-prod", "authn-azure/subscription-id: sub-1, authn-azure/resource-group: group-1"),
      host("authn-gcp", "authn-gcp/service-account-email: ml@p.iam.gserviceaccount.com"),
      "- !host outside",
    ];
    const services = [
      service("authn-jwt/ci", ["issuer", "token-app-property"]),
      service("authn-jwt/url", ["issuer"]),
      service("authn-iam/prod", []),
      service("authn-azure/prod", ["provider-uri"]),
      service("authn-gcp", []),
    ];
    started = await start([...hosts, ...services].join("\n"), { authority, iam: [iam] });
    started.server.seed("conjur/authn-jwt/ci/issuer", "https://ci.example");
    started.server.seed("conjur/authn-jwt/ci/token-app-property", "app");
    started.server.seed("conjur/authn-jwt/url/issuer", "https://ci.example");
    started.server.seed("conjur/authn-azure/prod/provider-uri", "https://sts.windows.net/tenant/");
    return authority;
  }

  const whoami = async (auth: ConjurAuth) => (await started.open({ auth }).whoami(callContext())).login;
  const failure = (auth: ConjurAuth) => whoami(auth).catch((error: unknown) => error);

  it("signs in by authn-jwt, as the host that the token names or that is given", async () => {
    const authority = await withAuthenticators();
    const claims = { iss: "https://ci.example", project: "models" };
    const named = jwtAuth({
      service: "ci",
      token: async () => `${await authority.mint({ ...claims, app: "authn-jwt-ci/123456789012/ml" })}\n`,
    });
    expect(await whoami(named)).toBe("host/authn-jwt-ci/123456789012/ml");
    const given = jwtAuth({ service: "url", host: "authn-jwt-url/123456789012/ml", token: () => authority.mint(claims) });
    expect(await whoami(given)).toBe("host/authn-jwt-url/123456789012/ml");
  });

  it("signs in by authn-iam with a signed request, and sends no key", async () => {
    await withAuthenticators();
    const auth = iamAuth({
      service: "prod",
      host: "authn-iam-prod/123456789012/ml",
      credentials: staticAwsCredentials(iam),
      region: "eu-west-1",
    });
    expect(await whoami(auth)).toBe("host/authn-iam-prod/123456789012/ml");
    const body = String(started.server.requests[0]?.request.body);
    expect(Object.keys(JSON.parse(body)).sort()).toEqual(["authorization", "host", "x-amz-date", "x-amz-security-token"]);
    expect(body).not.toContain(iam.secretAccessKey);
  });

  it("signs in by authn-azure and authn-gcp", async () => {
    const authority = await withAuthenticators();
    const mirid = "/subscriptions/sub-1/resourcegroups/group-1/providers/Microsoft.Compute/virtualMachines/vm";
    const azure = () => authority.mint({ iss: "https://sts.windows.net/tenant/", oid: "object", xms_mirid: mirid });
    expect(await whoami(azureAuth({ service: "prod", host: "authn-azure-prod/123456789012/ml", token: azure }))).toBe(
      "host/authn-azure-prod/123456789012/ml",
    );
    const google = () =>
      authority.mint({
        iss: "https://accounts.google.com",
        aud: "conjur/test/host/authn-gcp/123456789012/ml",
        sub: "1",
        email: "ml@p.iam.gserviceaccount.com",
      });
    expect(await whoami(gcpAuth({ token: google }))).toBe("host/authn-gcp/123456789012/ml");
  });

  it("comes from where the cloud leaves it to a workload, where nothing else is given", async () => {
    const authority = await withAuthenticators();
    const mirid = "/subscriptions/sub-1/resourcegroups/group-1/providers/Microsoft.Compute/virtualMachines/vm";
    const cloud = await startHttpsService({
      tls: false,
      async handle({ query }) {
        if (query.get("resource") === "https://management.azure.com/") {
          const jwt = await authority.mint({ iss: "https://sts.windows.net/tenant/", oid: "object", xms_mirid: mirid });
          return json(200, { access_token: jwt, expires_on: String(Math.floor(Date.now() / 1000) + 3600) });
        }
        const claims = { iss: "https://accounts.google.com", sub: "1", email: "ml@p.iam.gserviceaccount.com" };
        const body = await authority.mint({ ...claims, aud: query.get("audience") ?? "" });
        return { status: 200, headers: { "metadata-flavor": "Google" }, body };
      },
    });
    const variables = {
      AWS_PROFILE: undefined,
      AWS_ACCESS_KEY_ID: iam.accessKeyId,
      AWS_SECRET_ACCESS_KEY: iam.secretAccessKey,
      AWS_SESSION_TOKEN: iam.sessionToken,
      AZURE_TENANT_ID: undefined,
      AZURE_CLIENT_ID: undefined,
      AZURE_TOKEN_CREDENTIALS: undefined,
      IDENTITY_ENDPOINT: `${cloud.url}/msi/token`,
      IDENTITY_HEADER: "header",
      GOOGLE_APPLICATION_CREDENTIALS: undefined,
      CLOUDSDK_CONFIG: import.meta.dirname,
      GCE_METADATA_IP: undefined,
      GCE_METADATA_HOST: `127.0.0.1:${cloud.port}`,
    };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    try {
      const iamHost = "authn-iam-prod/123456789012/ml";
      expect(await whoami(iamAuth({ service: "prod", host: iamHost, region: "eu-west-1" }))).toBe(`host/${iamHost}`);
      const azureHost = "authn-azure-prod/123456789012/ml";
      expect(await whoami(azureAuth({ service: "prod", host: azureHost }))).toBe(`host/${azureHost}`);
      expect(await whoami(gcpAuth({ host: "authn-gcp/123456789012/ml" }))).toBe("host/authn-gcp/123456789012/ml");
    } finally {
      vi.unstubAllEnvs();
      await cloud.close();
    }
    expect(() => gcpAuth({})).toThrow("needs host or token");
  });

  it("is asked for anew at each sign-in, and not in between", async () => {
    const clock = manualClock();
    const authority = await withAuthenticators();
    let asked = 0;
    const token = async () => {
      asked += 1;
      return authority.mint({ iss: "https://ci.example", project: "models" });
    };
    const provider = started.open({ auth: jwtAuth({ service: "url", host: "authn-jwt-url/123456789012/ml", token }) });
    for (let count = 0; count < 3; count += 1) await provider.whoami(callContext({ clock }));
    expect(asked).toBe(1);
    await clock.advance(9 * 60_000);
    await provider.whoami(callContext({ clock }));
    expect(asked).toBe(2);
  });

  it("that is refused is unauthenticated, one that may not use the authenticator is permission-denied, each with a hint", async () => {
    const authority = await withAuthenticators();
    const claims = { iss: "https://ci.example", project: "models" };
    const auth = (host: string, token: () => Promise<string>) => jwtAuth({ service: "url", host, token });
    const own = "authn-jwt-url/123456789012/ml";
    const hint = expect.any(String);
    expect(await failure(auth(own, () => authority.forge(claims)))).toMatchObject({
      code: "unauthenticated",
      retryable: false,
      hint,
    });
    expect(await failure(auth("outside", () => authority.mint(claims)))).toMatchObject({ code: "permission-denied", hint });
    const wrong = { ...iam, secretAccessKey: "another-secret-key" };
    const signed = iamAuth({ service: "prod", host: "authn-iam-prod/123456789012/ml", credentials: staticAwsCredentials(wrong) });
    expect(await failure(signed)).toMatchObject({ code: "unauthenticated", hint });
  });

  it("whose function fails is unauthenticated without its words; a SecretsError of its own passes", async () => {
    await withAuthenticators();
    const failing = (error: unknown) => jwtAuth({ service: "ci", token: () => Promise.reject(error) });
    const told = await failure(failing(new Error("canary-of-the-token")));
    expect(told).toMatchObject({ code: "unauthenticated", hint: expect.stringContaining("identity token") });
    expect(findLeak(told, ["canary-of-the-token"])).toBeUndefined();
    expect(await failure(failing(new SecretsError("unavailable", "the issuer is down")))).toMatchObject({ code: "unavailable" });
    expect(await failure(jwtAuth({ service: "ci", token: async () => " " }))).toMatchObject({ code: "unauthenticated" });
  });

  it("whose function never answers ends at the caller's deadline", async () => {
    await withAuthenticators();
    const provider = started.open({ auth: jwtAuth({ service: "ci", token: () => new Promise(() => {}) }) });
    await expect(provider.whoami(callContext({ deadlineMs: 100 }))).rejects.toMatchObject({ code: "timeout" });
  });
});
