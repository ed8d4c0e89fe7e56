import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createSecrets, type SecretsError } from "@keyhold/core";
import { callContext, findLeak } from "@keyhold/testing";
import { appRoleAuth, tokenAuth, type VaultOptions } from "@keyhold/vault";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateAuthority } from "../../../test/servers/certificates.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import type { HttpsService } from "../../../test/servers/https-service.ts";
import { hung } from "../../../test/servers/hung.ts";
import { type AppRole, addAppRole, addPolicy } from "../../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

describe.each(transports)("over $transport", ({ vault }) => {
  const value = "canary-value-8f3a61";
  let bao: OpenBao;
  let door: HttpsService;
  let role: AppRole;
  let elsewhere: { url: string; requests: number; close(): void };

  beforeAll(async () => {
    bao = await startOpenBao();
    door = await startFaultyBao(bao);
    await enableKv(bao, "secret", 2);
    await bao.call({ path: "secret/data/app", body: { data: { key: value } } });
    await addPolicy(bao, "reader", 'path "secret/data/*" { capabilities = ["read"] }');
    role = await addAppRole(bao, "app", { policies: ["reader"] });
    const other = createHttpServer((_request, response) => {
      elsewhere.requests += 1;
      response.end("{}");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    elsewhere = { url: `http://127.0.0.1:${(other.address() as AddressInfo).port}/`, requests: 0, close: () => other.close() };
  });
  afterAll(async () => {
    elsewhere.close();
    await Promise.all([door.close(), bao.close()]);
  });

  const open = (options: VaultOptions = {}) =>
    vault({ address: door.url, tls: { ca: door.ca }, auth: appRoleAuth(role), ...options });
  const app = { path: "secret/app" };
  const match = /^GET \/v1\/secret\/data/;
  const canaries = () => [value, bao.rootToken, role.secretId];

  const answer = (status: number, errors: readonly string[] = [`${value} ${status}`], headers = {}): Fault => ({
    kind: "status",
    status,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ errors }),
  });

  const faults: readonly (readonly [name: string, fault: Fault, code: string, more?: Partial<SecretsError>])[] = [
    ["400", answer(400), "invalid-argument", { retryable: false }],
    ["401", answer(401), "unauthenticated", { retryable: false }],
    ["403 of a policy", answer(403, ["1 error occurred:\n\t* permission denied\n\n"]), "permission-denied", { retryable: false }],
    ["404 without a word", answer(404, []), "not-found"],
    ["404 of a namespace", answer(404, ["namespace not found"]), "invalid-argument"],
    ["405", answer(405), "unsupported"],
    ["412 of a node that lags", answer(412), "unavailable", { retryable: true }],
    ["413", answer(413), "invalid-argument"],
    ["429 with Retry-After", answer(429, [], { "retry-after": "7" }), "rate-limited", { retryAfterMs: 7_000, retryable: true }],
    ["472", answer(472), "unavailable"],
    ["474", answer(474), "unavailable", { retryable: true }],
    ["500", answer(500), "unavailable", { retryable: true }],
    ["500 for a value that is too large", answer(500, ["put failed due to value being too large"]), "invalid-argument"],
    [
      "502 of a proxy, with a web page",
      { kind: "status", status: 502, body: `<html>${value}` },
      "unavailable",
      { retryable: true },
    ],
    ["503 without a word", { kind: "status", status: 503, body: "" }, "unavailable", { retryable: true }],
    ["418", answer(418), "unknown"],
    ["a redirect to another host", { kind: "redirect", location: "http://127.0.0.1:9/" }, "unavailable", { retryable: false }],
    ["a reset in the middle of the answer", { kind: "reset" }, "unavailable", { retryable: true }],
    ["a web page with 200", { kind: "html" }, "decode"],
    ["invalid JSON", { kind: "invalid-json" }, "decode"],
    ["10 MB", { kind: "large" }, "decode"],
    ["JSON of another kind", { kind: "status", status: 200, body: `["${value}"]` }, "decode"],
    ["JSON null", { kind: "status", status: 200, body: "null" }, "decode"],
    [
      "an answer without data",
      { kind: "status", status: 200, body: `{"data":{"data":"${value}","metadata":{"version":1}}}` },
      "decode",
    ],
  ];

  describe.each(faults.map(([name, fault, code, more = {}]) => ({ name, fault, code, more })))(
    "$name",
    ({ fault, code, more }) => {
      it(`is ${code} from the driver and from the client, and says nothing it should not`, async () => {
        const provider = open();
        const secrets = createSecrets({ providers: { vault: provider }, retry: false });
        for (const call of [() => provider.read(app, callContext()), () => secrets.get("vault://secret/app")]) {
          door.faults.next(fault, { match });
          const error = await call().catch((thrown: unknown) => thrown);
          expect(error).toMatchObject({ code, ...more });
          expect(findLeak(error, canaries())).toBeUndefined();
        }
        expect(door.faults.pending).toBe(0);
        await secrets.close();
      });
    },
  );

  describe("a login", () => {
    it.each([
      ["503", answer(503), "unavailable"],
      ["429", answer(429), "rate-limited"],
      ["a web page", { kind: "html" }, "decode"],
      ["no token", { kind: "status", status: 200, body: '{"auth":null}' }, "decode"],
      [
        "a demand for a second factor",
        { kind: "status", status: 200, body: '{"auth":{"mfa_requirement":{}}}' },
        "unauthenticated",
      ],
      ["a reset", { kind: "reset" }, "unavailable"],
    ] as const)("that is answered with %s fails as %s", async (_what, fault, code) => {
      const provider = open();
      door.faults.next(fault as Fault, { match: /login/ });
      const error = await provider.read(app, callContext()).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code });
      expect(findLeak(error, canaries())).toBeUndefined();
      expect((await provider.read(app, callContext())).version).toBe("1");
      await provider.close?.();
    });
  });

  describe("a fault of the connection", () => {
    it.each([
      ["a read", match],
      ["a login", /login/],
      ["the look-up of a mount", /ui\/mounts/],
    ])("that hangs in %s ends at the deadline, and its socket with it", async (_what, where) => {
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
      const before = sockets();
      const provider = open();
      const outcome = await hung(door.faults, (context) => provider.read(app, context), { match: where });
      expect(outcome).toMatchObject({ code: "timeout" });
      await provider.close?.();
      await expect.poll(sockets).toBeLessThanOrEqual(before);
    });

    it("that redirects is followed by no request, with a token or without", async () => {
      for (const where of [match, /login/]) {
        const provider = open();
        door.faults.next({ kind: "redirect", location: elsewhere.url }, { match: where });
        await expect(provider.read(app, callContext())).rejects.toMatchObject({ code: "unavailable", retryable: false });
        await provider.close?.();
      }
      expect(elsewhere.requests).toBe(0);
    });

    it.each([
      ["expired", { expired: true }],
      ["for another host", { hosts: ["vault.example"] }],
    ])("with a certificate that is %s is unavailable, and nothing is sent", async (_name, options) => {
      const authority = await certificateAuthority();
      const { cert, key } = await authority.issue(options);
      let requests = 0;
      const https = createHttpsServer({ cert, key }, (_request, response) => {
        requests += 1;
        response.end();
      });
      await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
      const provider = open({ address: `https://127.0.0.1:${(https.address() as AddressInfo).port}`, tls: { ca: authority.ca } });
      await expect(provider.read(app, callContext())).rejects.toMatchObject({ code: "unavailable", retryable: false });
      expect(requests).toBe(0);
      await provider.close?.();
      https.close();
    });

    it("with a server of an unknown authority is unavailable", async () => {
      const provider = open({ tls: {} });
      await expect(provider.read(app, callContext())).rejects.toMatchObject({
        code: "unavailable",
        hint: expect.stringContaining("tls.ca"),
      });
      await provider.close?.();
    });
  });

  it("a refused token and then a good one is one answer to the caller", async () => {
    const secrets = createSecrets({ providers: { vault: open() }, retry: false });
    door.faults.next(answer(403, ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]), { match });
    expect((await secrets.get("vault://secret/app#key")).text()).toBe(value);
    await secrets.close();
  });

  it("a token that stays refused is unauthenticated, not tried for ever", async () => {
    const provider = open({ auth: tokenAuth(bao.rootToken) });
    door.faults.next(answer(403, ["invalid token"]), { match, times: 9 });
    await expect(provider.read(app, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    expect(door.faults.pending).toBe(7);
    door.faults.clear();
    await provider.close?.();
  });
});
