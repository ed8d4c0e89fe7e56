import type { TokenRequestOptions } from "@keyhold/azure";
import { azure } from "@keyhold/azure/lean";
import { callContext, createSecrets } from "@keyhold/core";
import { type AccessTokens, heldTokens } from "@keyhold/identity";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import { type ConnectProxy, startConnectProxy } from "../../../test/servers/connect-proxy.ts";
import { knownScope } from "../src/challenge.ts";
import { startVault, type TestVault } from "./support/start-vault.ts";

const host = "ml-prod.vault.azure.net";
const login = { path: "login" };
let vault: TestVault;
let proxy: ConnectProxy;
beforeAll(async () => {
  vault = await startVault({ azure }, { tls: await makeCertificates({ hosts: [host, "127.0.0.1", "vault.internal"] }) });
  vault.server.seed("login", "value");
  proxy = await startConnectProxy(vault.server.port);
});
afterAll(async () => {
  await proxy.close();
  await vault.close();
});
afterEach(() => {
  vi.unstubAllEnvs();
  vault.server.faults.clear();
  expect(vault.violations()).toEqual([]);
});

/** The tokens of a workload, counted. */
function workload(mint: () => Promise<string> = () => vault.tokens.mint()) {
  const scopes: string[] = [];
  const tokens: AccessTokens = heldTokens(async (scope) => {
    scopes.push(scope);
    return { token: await mint(), expiresAt: Date.now() + 3_600_000 };
  });
  return { tokens, scopes };
}

/** The vault under its real name, by the proxy. */
function named(options: Partial<Parameters<typeof azure>[0]> = {}, name = host) {
  vi.stubEnv("HTTPS_PROXY", proxy.url);
  vi.stubEnv("https_proxy", proxy.url);
  vi.stubEnv("NO_PROXY", "");
  vi.stubEnv("no_proxy", "");
  return azure({ vaultUrl: `https://${name}`, tls: { ca: vault.server.ca }, ...options });
}

/** The vault by its address, which no challenge's domain holds. */
const unnamed = (options: Partial<Parameters<typeof azure>[0]>) =>
  azure({ vaultUrl: vault.server.url, tls: { ca: vault.server.ca }, disableChallengeResourceVerification: true, ...options });

/** What the vault answered while `work` ran. */
async function answersTo(work: () => Promise<unknown>): Promise<readonly string[]> {
  const before = vault.server.requests.length;
  await work();
  return vault.server.requests.slice(before).map(({ request, answer }) => `${request.method} ${request.path} ${answer?.status}`);
}

describe("a vault of Microsoft's domain", () => {
  it("gets a workload's token with the first request: its name says which one it would ask for", async () => {
    const { tokens, scopes } = workload();
    const provider = named({ credential: tokens });
    expect(await answersTo(() => provider.read(login, callContext()))).toEqual(["GET /secrets/login/ 200"]);
    expect(scopes).toEqual(["https://vault.azure.net/.default"]);
    expect(proxy.targets.at(-1)).toBe(`${host}:443`);
    await provider.close?.();
  });

  it("is asked first whose tokens it takes where the credential may have several tenants", async () => {
    const provider = named({ credential: vault.credential });
    const answers = await answersTo(() => provider.read(login, callContext()));
    expect(answers).toEqual(["GET /secrets 401", "GET /secrets/login/ 200"]);
    await provider.close?.();
  });

  it("whose challenge then names another service is refused, and gets no other token", async () => {
    const { tokens, scopes } = workload();
    const provider = named({ credential: tokens });
    const challenge = 'Bearer authorization="https://login.example/tenant", resource="https://elsewhere.example"';
    vault.server.faults.next({ kind: "status", status: 401, headers: { "www-authenticate": challenge } });
    const reading = provider.read(login, callContext());
    await expect(reading).rejects.toMatchObject({ code: "unauthenticated", message: expect.stringContaining("another host") });
    expect(scopes).toEqual(["https://vault.azure.net/.default"]);
    await provider.close?.();
  });

  it("is known by a name right below the domain alone", () => {
    expect(knownScope(host)).toBe("https://vault.azure.net/.default");
    expect(knownScope("ml-prod.vault.azure.cn")).toBe("https://vault.azure.cn/.default");
    expect(knownScope("ml-prod.vault.usgovcloudapi.net")).toBe("https://vault.usgovcloudapi.net/.default");
    for (const other of [
      "vault.azure.net",
      "a.b.vault.azure.net",
      "evilvault.azure.net",
      "ml-prod.vault.azure.net.example",
      "ml-prod.vault.azure.com",
      "ml-prod.privatelink.vaultcore.azure.net",
      "127.0.0.1",
    ]) {
      expect(knownScope(other)).toBeUndefined();
    }
  });
});

describe("another host", () => {
  it("is asked for its challenge before any token or value goes out, once for all who begin together", async () => {
    const { tokens, scopes } = workload();
    const provider = unnamed({ credential: tokens });
    const value = { kind: "opaque", value: "canary-value-8f3a61" } as const;
    const answers = await answersTo(() =>
      Promise.all(["a", "b", "c"].map((path) => provider.write!({ path }, value, {}, callContext()))),
    );
    expect(answers[0]).toBe("GET /secrets 401");
    expect(answers.filter((answer) => answer.endsWith(" 401"))).toHaveLength(1);
    expect(answers).toHaveLength(4);
    expect(scopes).toHaveLength(1);
    await provider.close?.();
  });

  it.each([
    ["outside of the domain that its challenge names", "https://vault.azure.net"],
    ["whose challenge names a host behind another", "https://vault.azure.net@internal"],
    ["whose challenge hides a host behind a backslash", "https://internal\\\\@vault.azure.net"],
    ["whose challenge names itself and not its domain", "https://vault.internal"],
  ])("%s gets neither", async (_name, resource) => {
    const { tokens, scopes } = workload();
    const provider = named({ credential: tokens }, "vault.internal");
    const header = `Bearer authorization="https://login.example/tenant", resource="${resource}"`;
    vault.server.faults.next({ kind: "status", status: 401, headers: { "www-authenticate": header } });
    await expect(provider.read(login, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    expect(scopes).toEqual([]);
    await provider.close?.();
  });
});

describe("a workload's token that the vault refuses", () => {
  it("is replaced once within the call, and not again at once", async () => {
    const { tokens, scopes } = workload();
    const provider = unnamed({ credential: tokens });
    await provider.read(login, callContext());
    vault.server.faults.next({ kind: "status", status: 401 });
    const replayed = await answersTo(() => provider.read(login, callContext()));
    expect(replayed).toEqual(["GET /secrets/login/ 401", "GET /secrets/login/ 200"]);
    expect(scopes).toHaveLength(2);
    vault.server.faults.next({ kind: "status", status: 401 }, { times: 5 });
    const refused = await answersTo(() =>
      expect(provider.read(login, callContext())).rejects.toMatchObject({ code: "unauthenticated" }),
    );
    expect(refused).toEqual(["GET /secrets/login/ 401"]);
    expect(scopes).toHaveLength(2);
    await provider.close?.();
  });

  it("is replaced once within the call also where the vault was not asked for its challenge", async () => {
    const { tokens, scopes } = workload();
    const provider = named({ credential: tokens });
    vault.server.faults.next({ kind: "status", status: 401 });
    const answers = await answersTo(() => provider.read(login, callContext()));
    expect(answers).toEqual(["GET /secrets/login/ 401", "GET /secrets/login/ 200"]);
    vault.server.faults.next({ kind: "status", status: 401 });
    await expect(provider.read(login, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    expect(scopes).toHaveLength(2);
    await provider.close?.();
  });

  it("is not replaced where the vault says no for another reason", async () => {
    const { tokens, scopes } = workload();
    const provider = unnamed({ credential: tokens });
    await expect(provider.read({ path: "none" }, callContext())).rejects.toMatchObject({ code: "not-found" });
    expect(scopes).toHaveLength(1);
    await provider.close?.();
  });
});

describe("tokens that two providers share", () => {
  it("serve the one after the other is closed", async () => {
    const { tokens, scopes } = workload();
    const secrets = createSecrets({ providers: { one: unnamed({ credential: tokens }) } });
    await secrets.get("one://login");
    await secrets.close();
    const other = unnamed({ credential: tokens });
    expect((await other.read(login, callContext())).content).toMatchObject({ value: "value" });
    expect(scopes).toHaveLength(1);
    await other.close?.();
  });
});

describe("conditional access", () => {
  it("that demands a token with claims gets it, once within the call", async () => {
    const asked: (TokenRequestOptions | undefined)[] = [];
    const provider = unnamed({
      credential: {
        getToken: async (_scopes, options) => {
          asked.push(options);
          return { token: await vault.tokens.mint(), expiresOnTimestamp: Date.now() + 3_600_000 };
        },
      },
    });
    await provider.read(login, callContext());
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1765000000"}}}';
    const header =
      'Bearer authorization="https://login.example/tenant", resource="https://vault.azure.net", error="insufficient_claims", ' +
      `claims="${Buffer.from(claims).toString("base64")}"`;
    vault.server.faults.next({ kind: "status", status: 401, headers: { "www-authenticate": header } });
    await provider.read(login, callContext());
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatchObject({ claims, tenantId: "tenant", enableCae: true });
    expect(asked[1]?.abortSignal).toBeInstanceOf(AbortSignal);
    await provider.close?.();
  });
});
