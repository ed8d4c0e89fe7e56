import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import type { AccessTokenLike, TokenCredentialLike, TokenRequestOptions } from "@keyhold/azure";
import { callContext, createSecrets } from "@keyhold/core";
import { findLeak, manualClock } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../test/servers/oidc/start-token-server.ts";
import { startVault, type TestVault } from "./support/start-vault.ts";
import { transports } from "./support/transports.ts";

describe.each(transports)("over $transport", (tested) => {
  let vault: TestVault;
  beforeAll(async () => {
    vault = await startVault(tested);
    vault.server.seed("login", value);
  });
  afterAll(() => vault.close());
  afterEach(() => {
    expect(vault.violations()).toEqual([]);
    vault.tokens.faults.clear();
  });

  const login = { path: "login" };
  const value = "canary-value-8f3a61";

  /** A credential of the vendor's own, for the test's token server. */
  function clientSecret(secret = testClient.clientSecret as string, authorityHost = vault.tokens.url): ClientSecretCredential {
    return new ClientSecretCredential(vault.tokens.tenant, testClient.clientId, secret, {
      authorityHost,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: vault.tokens.ca },
      retryOptions: { maxRetries: 0 },
    });
  }

  /** A credential whose tokens come when the test says so. */
  function slowCredential() {
    const asked: {
      readonly options: TokenRequestOptions | undefined;
      give(expiresInMs?: number): Promise<void>;
      fail(error: Error): void;
    }[] = [];
    const credential: TokenCredentialLike = {
      getToken: (_scopes, options) =>
        new Promise<AccessTokenLike>((resolve, reject) => {
          asked.push({
            options,
            give: async (expiresInMs = 3_600_000) =>
              resolve({ token: await vault.tokens.mint(), expiresOnTimestamp: Date.now() + expiresInMs }),
            fail: reject,
          });
        }),
    };
    const askedFor = (count: number) => expect.poll(() => asked.length, { interval: 5 }).toBe(count);
    return { credential, asked, askedFor };
  }

  describe("signing in", () => {
    it("works with the vendor's own credential, in the tenant that the vault names", async () => {
      const secrets = createSecrets({ providers: { azure: vault.create({ credential: clientSecret() }) } });
      expect((await secrets.get("azure://login")).text()).toBe(value);
      await secrets.close();
    });

    it("happens once for fifty callers, and is asked for what the vault's challenge says", async () => {
      const { credential, asked, askedFor } = slowCredential();
      const provider = vault.create({ credential });
      const reads = Array.from({ length: 50 }, () => provider.read(login, callContext()));
      await askedFor(1);
      await asked[0]?.give();
      await Promise.all(reads);
      expect(asked).toHaveLength(1);
      expect(asked[0]?.options).toMatchObject({ tenantId: vault.tokens.tenant, enableCae: true });
      await provider.close?.();

      let bareAsked = 0;
      const counting = {
        getToken: async () => {
          bareAsked += 1;
          // As long as a sign-in takes.
          await new Promise((resolve) => setTimeout(resolve, 300));
          return { token: await vault.tokens.mint(), expiresOnTimestamp: Date.now() + 3_600_000 };
        },
      };
      const bare = new SecretClient(vault.server.url, counting, {
        disableChallengeResourceVerification: true,
        tlsOptions: { ca: vault.server.ca },
      });
      const requestOptions = { timeout: 10_000 };
      const bareReads = Array.from({ length: 50 }, () =>
        bare.getSecret("login", { abortSignal: new AbortController().signal, requestOptions }),
      );
      await Promise.all(bareReads);
      console.log(`azure: 50 callers at once sign in ${asked.length} time; the bare SDK ${bareAsked} times`);
      expect(bareAsked).toBeGreaterThan(1);
    });

    it("goes on for the others when one caller gives up, and ends when the last one does", async () => {
      const { credential, asked, askedFor } = slowCredential();
      const provider = vault.create({ credential });
      const controllers = [new AbortController(), new AbortController()];
      const challenges = () => vault.server.requests.filter(({ answer }) => answer?.status === 401).length;
      const before = challenges();
      const reads = controllers.map(({ signal }) => provider.read(login, callContext({ signal })).catch(({ code }) => code));
      await askedFor(1);
      await expect.poll(challenges).toBe(before + (tested.sharesChallenge ? 1 : 2));
      // Once another call has come back, so has the second challenge, and both wait for the token.
      const other = vault.create();
      await other.read(login, callContext());
      await other.close?.();
      controllers[0]?.abort();
      expect(await reads[0]).toBe("aborted");
      expect(asked[0]?.options?.abortSignal?.aborted).toBe(false);
      controllers[1]?.abort();
      expect(await reads[1]).toBe("aborted");
      expect(asked[0]?.options?.abortSignal?.aborted).toBe(true);
      const again = provider.read(login, callContext());
      await askedFor(2);
      await asked[1]?.give();
      expect((await again).content).toMatchObject({ value });
      await provider.close?.();
    });

    it("ends at the deadline, also with a credential that never answers and hears no signal", async () => {
      const provider = vault.create({ credential: { getToken: () => new Promise(() => {}) } });
      await expect(provider.read(login, callContext({ deadlineMs: 200 }))).rejects.toMatchObject({ code: "timeout" });
      const waiting = expect(provider.read(login, callContext())).rejects.toMatchObject({ code: "closed" });
      await expect.poll(() => vault.server.requests.at(-1)?.answer?.status).toBe(401);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await provider.close?.();
      await waiting;
    });

    it("is renewed while the old token still serves, and the old one serves on while that fails", async () => {
      const { credential, asked, askedFor } = slowCredential();
      const provider = vault.create({ credential });
      const clock = manualClock();
      clock.setWall(Date.now());
      const read = () => provider.read(login, callContext({ clock, deadlineMs: 60_000 }));
      const first = read();
      await askedFor(1);
      await asked[0]?.give(600_000);
      await first;
      await read();
      expect(asked).toHaveLength(1);
      await clock.advance(500_000);
      await read();
      await askedFor(2);
      asked[1]?.fail(new Error("the token service is down"));
      await read();
      expect(asked).toHaveLength(2);
      await clock.advance(40_000);
      await read();
      await askedFor(3);
      await asked[2]?.give(7_200_000);
      await clock.advance(70_000);
      await read();
      expect(asked).toHaveLength(3);
      await provider.close?.();
    });
  });

  describe("a sign-in that fails", () => {
    const outcome = async (credential: TokenCredentialLike) => {
      const provider = vault.create({ credential });
      try {
        return await provider.read(login, callContext({ deadlineMs: 5_000 })).catch((error: unknown) => error);
      } finally {
        await provider.close?.();
      }
    };

    it("because the token service says no, is unauthenticated and says what to do", async () => {
      const error = await outcome(clientSecret("wrong-client-secret"));
      expect(error).toMatchObject({ code: "unauthenticated", hint: expect.stringContaining("AZURE_CLIENT_ID") });
      expect(await outcome({ getToken: async () => null })).toMatchObject({ code: "unauthenticated" });
    });

    it("because the token service is down, is an outage and no refusal", async () => {
      for (const fault of [
        { kind: "status", status: 503 },
        { kind: "status", status: 503, body: "" },
        { kind: "reset" },
        { kind: "html" },
      ] as const) {
        vault.tokens.faults.next(fault, { match: /^POST / });
        expect([fault, await outcome(clientSecret())]).toMatchObject([fault, { code: "unavailable", retryable: true }]);
      }
      expect(await outcome(clientSecret(undefined, "https://127.0.0.1:9"))).toMatchObject({ code: "unavailable" });
      for (const error of [
        Object.assign(new Error("no"), { code: "ECONNREFUSED" }),
        Object.assign(new Error("no"), { cause: Object.assign(new Error("no"), { code: "ENOTFOUND" }) }),
        Object.assign(new Error("no"), { code: "REQUEST_SEND_ERROR" }),
        new DOMException("no", "TimeoutError"),
      ]) {
        expect(await outcome({ getToken: () => Promise.reject(error) })).toMatchObject({ code: "unavailable", retryable: true });
      }
      vault.tokens.faults.next({ kind: "status", status: 429 }, { match: /^POST / });
      expect(await outcome(clientSecret())).toMatchObject({ code: "rate-limited" });
    });

    it("in a way of its own, is unknown, also when it throws before it promises", async () => {
      for (const getToken of [
        () => Promise.reject(new Error("no")),
        () => Promise.reject("no"),
        () => {
          throw new Error("no");
        },
      ]) {
        expect(await outcome({ getToken })).toMatchObject({ code: "unknown" });
      }
    });
  });

  describe("the vault's challenge", () => {
    it("is checked by default: a host outside the domain it names gets no token", async () => {
      let asked = 0;
      const credential = {
        getToken: async () => {
          asked += 1;
          return null;
        },
      };
      const provider = vault.create({ credential, disableChallengeResourceVerification: false });
      await expect(provider.read(login, callContext())).rejects.toMatchObject({
        code: "unauthenticated",
        hint: expect.stringContaining("disableChallengeResourceVerification"),
      });
      expect(asked).toBe(0);
      await provider.close?.();
    });
  });

  describe("a program", () => {
    const run = async (script: string, env: Record<string, string> = {}) => {
      const args = ["--conditions=@keyhold/source", "--input-type=module", "-e", script];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
        cwd: import.meta.dirname,
        env: { ...process.env, ...env },
      });
      return { printed: stdout.trim(), logged: stderr };
    };

    it("that only imports the adapter loads neither the SDK nor a network module", async () => {
      const script = `import { azure } from "${tested.entry}";
      azure({ vaultName: "ml-prod" });
      console.log(process.moduleLoadList.filter((name) => /^NativeModule (https?|net|tls|dns)$/.test(name)).join());`;
      expect((await run(script)).printed).toBe("");
    });

    it("is told of the package that is missing, and needs no other of the vendor's", async () => {
      const script = `import { registerHooks } from "node:module";
      const missing = process.env.MISSING;
      registerHooks({ resolve(name, context, next) { if (name === missing) throw new Error("not installed"); return next(name, context); } });
      const { azure } = await import("${tested.entry}");
      const { callContext } = await import("@keyhold/core");
      const provider = azure({ vaultUrl: process.env.VAULT, tls: { ca: process.env.CA }, disableChallengeResourceVerification: true });
      await provider.read({ path: "login" }, callContext()).catch(({ code, hint }) => console.log(code, hint));
      await provider.close();`;
      const env = { VAULT: vault.server.url, CA: vault.server.ca, AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential" };
      for (const name of ["@azure/keyvault-secrets", "@azure/identity"]) {
        const { printed } = await run(script, { ...env, MISSING: name });
        expect(printed).toMatch(tested.needsPackages ? `unsupported npm install ${name}` : /^unauthenticated /);
      }
    });

    it("that names no credential signs in by the default chain, at the authority it names, and its logs show neither token nor value", async () => {
      const folder = mkdtempSync(path.join(tmpdir(), "keyhold-azure-"));
      try {
        const ca = path.join(folder, "ca.pem");
        writeFileSync(ca, vault.tokens.ca);
        const script = `import { azure } from "${tested.entry}";
        import { createSecrets } from "@keyhold/core";
        const { VAULT, CA, AUTHORITY } = process.env;
        const options = { vaultUrl: VAULT, tls: { ca: CA }, authorityHost: AUTHORITY, disableChallengeResourceVerification: true };
        const secrets = createSecrets({ providers: { azure: azure(options) } });
        await secrets.get("azure://login").then((secret) => console.log(secret.text().length + " characters"), ({ code, message }) => console.log(code, message));
        await secrets.close();`;
        const env = {
          VAULT: vault.server.url,
          CA: vault.server.ca,
          AUTHORITY: vault.tokens.url,
          NODE_EXTRA_CA_CERTS: ca,
          // Of the chain, only what looks at variables: the rest asks addresses off this machine.
          AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
          AZURE_TENANT_ID: vault.tokens.tenant,
          AZURE_CLIENT_ID: testClient.clientId,
        };
        const secret = testClient.clientSecret as string;
        const signedIn = await run(script, { ...env, AZURE_CLIENT_SECRET: secret, AZURE_LOG_LEVEL: "verbose" });
        expect(signedIn.printed.split("\n")).toContain(`${value.length} characters`);
        if (tested.needsPackages) expect(signedIn.logged).toContain("azure");
        const token = String(vault.server.requests.at(-1)?.request.headers.authorization).slice("Bearer ".length);
        expect(findLeak(signedIn, [secret, token, value])).toBeUndefined();
        const refused = await run(script, { ...env, AZURE_CLIENT_SECRET: "" });
        expect(refused.printed).toMatch(/^unauthenticated /);
        const down = await run(script, { ...env, AZURE_CLIENT_SECRET: secret, AUTHORITY: "https://127.0.0.1:9" });
        expect(down.printed).toMatch(/^unavailable /);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
});
