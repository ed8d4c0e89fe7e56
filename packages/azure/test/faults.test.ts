import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type CallContext, callContext, createSecrets, type Provider, type SecretsError } from "@keyhold/core";
import { findLeak } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { certificateAuthority } from "../../../test/servers/certificates.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import { hung } from "../../../test/servers/hung.ts";
import { startVault, type TestVault } from "./support/start-vault.ts";
import { transports } from "./support/transports.ts";

const value = "canary-value-8f3a61";
describe.each(transports)("over $transport", (tested) => {
  let vault: TestVault;
  let elsewhere: { url: string; requests: number; close(): void };

  beforeAll(async () => {
    vault = await startVault(tested);
    vault.server.seed("faulty", value);
    const other = createHttpServer((_request, response) => {
      elsewhere.requests += 1;
      response.end("{}");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    elsewhere = { url: `http://127.0.0.1:${(other.address() as AddressInfo).port}/`, requests: 0, close: () => other.close() };
  });
  afterAll(async () => {
    elsewhere.close();
    await vault.close();
  });
  afterEach(() => {
    expect(vault.server.faults.pending).toBe(0);
    expect(vault.violations()).toEqual([]);
  });

  const refused = (status: number, code: string, innerCode?: string, headers = {}): Fault => ({
    kind: "status",
    status,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ error: { code, message: value, ...(innerCode && { innererror: { code: innerCode } }) } }),
  });

  const faults: readonly (readonly [name: string, fault: Fault, code: string, more?: Partial<SecretsError>])[] = [
    ["400", refused(400, "BadParameter"), "invalid-argument"],
    ["401 without a challenge", refused(401, "Unauthorized"), "unauthenticated", { retryable: false }],
    ["403", refused(403, "Forbidden", "ForbiddenByRbac"), "permission-denied"],
    ["403 of the firewall", refused(403, "Forbidden", "ForbiddenByFirewall"), "permission-denied"],
    ["404", refused(404, "SecretNotFound"), "not-found"],
    [
      "429 with Retry-After",
      refused(429, "Throttled", undefined, { "retry-after": "7" }),
      "rate-limited",
      { retryAfterMs: 7_000, retryable: true },
    ],
    ["500", refused(500, "InternalServerError"), "unavailable", { retryable: true }],
    ["503 without a word", { kind: "status", status: 503, body: "" }, "unavailable", { retryable: true }],
    ["a reset in the middle of the answer", { kind: "reset" }, "unavailable", { retryable: true }],
    ["a web page with 200", { kind: "html" }, "decode"],
    ["invalid JSON", { kind: "invalid-json" }, "decode"],
    ["JSON that is no secret", { kind: "status", status: 200, body: `{"id":"${value}","value":"${value}"}` }, "decode"],
    ["10 MB", { kind: "large" }, "decode"],
  ];

  /** A provider that has signed in, so that a fault strikes what it asks next. */
  async function signedIn(): Promise<Provider> {
    const provider = vault.create();
    await provider.read({ path: "faulty" }, callContext());
    return provider;
  }

  const outcomeOf = (call: Promise<unknown>) => call.catch((error: unknown) => error);

  describe.each(faults.map(([name, fault, code, more = {}]) => ({ name, fault, code, more })))(
    "$name",
    ({ fault, code, more }) => {
      it(`is ${code} from the driver and from the client, and says nothing it should not`, async () => {
        const provider = await signedIn();
        const secrets = createSecrets({ providers: { azure: provider }, retry: false });
        for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("azure://faulty")]) {
          vault.server.faults.next(fault);
          const error = await outcomeOf(call());
          expect(error).toMatchObject({ code, ...more });
          expect(findLeak(error, [value, ...vault.given])).toBeUndefined();
        }
        await secrets.close();
      });
    },
  );

  describe("a fault of the connection", () => {
    it("that hangs ends at the deadline, and its socket with it", async () => {
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
      const before = sockets();
      // Signed in, so that the fault strikes long before the deadline.
      const provider = await signedIn();
      const lists = (context: CallContext) => provider.list!({ prefix: "" }, context);
      for (const call of [lists, (context: CallContext) => provider.read({ path: "faulty" }, context)]) {
        expect(await hung(vault.server.faults, call)).toMatchObject({ code: "timeout" });
      }
      await provider.close?.();
      await expect.poll(sockets).toBeLessThanOrEqual(before);
    });

    it("that hangs at the second page of a list ends at the deadline too", async () => {
      for (let index = 0; index < 30; index += 1) vault.server.seed(`page-${index}`, "x");
      const provider = vault.create();
      const { next } = await provider.list!({ prefix: "" }, callContext());
      const second = (context: CallContext) => provider.list!({ prefix: "", cursor: next as string }, context);
      expect(await hung(vault.server.faults, second)).toMatchObject({ code: "timeout" });
      await provider.close?.();
    });

    it("that redirects is followed by no request, and no token goes along", async () => {
      const provider = await signedIn();
      const secrets = createSecrets({ providers: { azure: provider }, retry: false });
      for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("azure://faulty")]) {
        vault.server.faults.next({ kind: "redirect", location: elsewhere.url });
        expect(await outcomeOf(call())).toMatchObject({ code: "unavailable", retryable: false });
      }
      expect(elsewhere.requests).toBe(0);
      await secrets.close();
    });

    it("that names a next page on another host is decode, and nobody is asked there", async () => {
      const provider = await signedIn();
      const body = JSON.stringify({ value: [], nextLink: `${elsewhere.url}secrets?$skiptoken=x` });
      vault.server.faults.next({ kind: "status", status: 200, body, headers: { "content-type": "application/json" } });
      await expect(provider.list!({ prefix: "" }, callContext())).rejects.toMatchObject({ code: "decode" });
      for (const cursor of [`${elsewhere.url}secrets?x`, "//127.0.0.1/secrets?x", "/keys?x", "@127.0.0.1:1/secrets?"]) {
        await expect(provider.list!({ prefix: "", cursor }, callContext())).rejects.toMatchObject({ code: "invalid-argument" });
      }
      expect(elsewhere.requests).toBe(0);
      await provider.close?.();
    });

    it.each([
      ["has expired", { expired: true }],
      ["is for another host", { hosts: ["vault.example"] }],
    ])("with a certificate that %s is unavailable, and no request is sent", async (_name, options) => {
      const authority = await certificateAuthority();
      const { cert, key } = await authority.issue(options);
      let requests = 0;
      const https = createHttpsServer({ cert, key }, (_request, response) => {
        requests += 1;
        response.end();
      });
      await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
      const vaultUrl = `https://127.0.0.1:${(https.address() as AddressInfo).port}`;
      const provider = vault.create({ vaultUrl, tls: { ca: authority.ca } });
      const secrets = createSecrets({ providers: { azure: provider }, retry: false });
      for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("azure://faulty")]) {
        expect(await outcomeOf(call())).toMatchObject({ code: "unavailable", retryable: false });
      }
      expect(requests).toBe(0);
      await secrets.close();
      https.close();
    });
  });

  describe("a token that the vault refuses", () => {
    it("is replaced once within the call: 401, then a good token", async () => {
      const provider = await signedIn();
      const before = vault.given.length;
      vault.server.faults.next({ kind: "status", status: 401 });
      expect((await provider.read({ path: "faulty" }, callContext())).content).toMatchObject({ value });
      expect(vault.given.length - before).toBe(1);
      await provider.close?.();
    });

    it("and is refused again, is unauthenticated after one more request", async () => {
      const provider = await signedIn();
      const before = vault.server.requests.length;
      vault.server.faults.next({ kind: "status", status: 401 }, { times: 2 });
      await expect(provider.read({ path: "faulty" }, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
      expect(vault.server.requests.length - before).toBe(2);
      await provider.close?.();
    });
  });
});
