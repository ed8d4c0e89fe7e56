import { readFile } from "node:fs/promises";
import path from "node:path";
import { createSecrets, isSecret } from "@keyhold/core";
import { callContext, findLeak } from "@keyhold/testing";
import { appRoleAuth, tokenAuth, type VaultOptions } from "@keyhold/vault";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HttpsService } from "../../../test/servers/https-service.ts";
import { addAppRole, addPolicy, addToken } from "../../../test/servers/openbao/auth-methods.ts";
import { enableDatabase, enableKv, enablePki, enableTransit } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "../../../test/servers/postgres/start-postgres.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

describe.each(transports)("over $transport", ({ vault }) => {
  let bao: OpenBao;
  let door: HttpsService;
  let postgres: PostgresServer;
  beforeAll(async () => {
    [bao, postgres] = await Promise.all([startOpenBao(), startPostgres()]);
    door = await startFaultyBao(bao);
    await Promise.all([
      enableKv(bao, "secret", 2),
      enableDatabase(bao, "database", postgres, [{ role: "app", ttlSeconds: 3_600 }]),
      enablePki(bao, "pki"),
      enableTransit(bao, "transit", "main"),
    ]);
    await bao.call({ path: "secret/data/app", body: { data: { key: "canary-wrapped-value" } } });
  });
  afterAll(async () => {
    expect(door.violations).toEqual([]);
    await Promise.all([door.close(), bao.close(), postgres.close()]);
  });

  const open = (options: VaultOptions = {}) =>
    vault({ address: door.url, tls: { ca: door.ca }, auth: tokenAuth(bao.rootToken), ...options });

  async function signIn(user: string, password: string): Promise<unknown> {
    const client = new pg.Client({ host: "127.0.0.1", port: postgres.port, user, password, database: "postgres" });
    await client.connect();
    try {
      return (await client.query("select current_user as name")).rows[0].name;
    } finally {
      await client.end();
    }
  }

  describe("a database login", () => {
    it("comes with a lease, works, is renewed, and works no more once it is revoked", async () => {
      const provider = open();
      const { content, lease, version } = await provider.read({ path: "database/creds/app" }, callContext());
      if (content.kind !== "fields" || lease === undefined) throw new Error("no leased fields");
      const { username, password } = content.fields as { username: string; password: string };
      expect(lease).toEqual({ id: version, durationMs: 3_600_000, renewable: true });
      expect(await signIn(username, password)).toBe(username);
      expect(await provider.renew!(lease, callContext())).toMatchObject({ id: lease.id, renewable: true });
      await provider.revoke!(lease, callContext());
      await expect(signIn(username, password)).rejects.toMatchObject({ code: "28P01" });
      await provider.revoke!(lease, callContext());
      await expect(provider.renew!(lease, callContext())).rejects.toMatchObject({ code: "not-found" });
      await provider.close?.();
    });

    it("never claims to outlive the token that it was made with", async () => {
      await addPolicy(bao, "database", 'path "database/creds/app" { capabilities = ["read"] }');
      const role = await addAppRole(bao, "short", { policies: ["database"], ttlSeconds: 40, maxTtlSeconds: 40 });
      const provider = open({ auth: appRoleAuth(role) });
      const { lease } = await provider.read({ path: "database/creds/app" }, callContext());
      expect(lease?.durationMs).toBeLessThanOrEqual(40_000);
      const renewed = await provider.renew!(lease!, callContext());
      expect(renewed.durationMs).toBeLessThanOrEqual(40_000);
      const { request } = door.requests.findLast((one) => one.request.path.endsWith("database/creds/app"))!;
      await bao.call({ path: "auth/token/revoke", body: { token: request.headers["x-vault-token"] } });
      // With its token went the lease, which the next login cannot bring back.
      await expect(provider.renew!(lease!, callContext())).rejects.toMatchObject({ code: "not-found" });
      await provider.close?.();
    });
  });

  describe("a path that answers when something is sent to it", () => {
    it("is named with what is sent: certificates with their lease, data keys", async () => {
      const parameters = { "pki/issue/server": { common_name: "a.example.com" }, "/transit/datakey/plaintext/main/": {} };
      const secrets = createSecrets({ providers: { vault: open({ parameters }) } });
      const [certificate, key] = await secrets.getMany([
        "vault://pki/issue/server#certificate",
        "vault://transit/datakey/plaintext/main#plaintext",
      ]);
      expect(certificate.text()).toMatch(/^-----BEGIN CERTIFICATE/);
      expect(certificate.version).toMatch(/^pki\/issue\/server\//);
      expect(Buffer.from(key.text(), "base64")).toHaveLength(32);
      await secrets.close();
    });

    it("is unsupported otherwise, and says what to do", async () => {
      const provider = open();
      const failed = provider.read({ path: "transit/datakey/plaintext/main" }, callContext());
      await expect(failed).rejects.toMatchObject({ code: "unsupported", hint: expect.stringContaining("parameters") });
      const written = provider.write!({ path: "transit/keys/x" }, { kind: "fields", fields: {} }, {}, callContext());
      await expect(written).rejects.toMatchObject({ code: "unsupported" });
      await provider.close?.();
    });
  });

  describe("a wrapped secret", () => {
    it("is unwrapped once, by whoever has the token, and is seen by nobody before", async () => {
      const [giver, taker] = [open(), open({ auth: tokenAuth("s.of-no-use") })];
      const { token, expiresAt } = await giver.wrap({ path: "secret/app" }, { ttlMs: 60_000 }, callContext());
      expect(isSecret(token)).toBe(true);
      expect(Math.abs(expiresAt - Date.now() - 60_000)).toBeLessThan(30_000);
      expect(findLeak(door.requests.at(-1)?.answer?.body?.toString(), ["canary-wrapped-value"])).toBeUndefined();
      expect(await taker.unwrap(token, callContext())).toMatchObject({
        content: { kind: "fields", fields: { key: "canary-wrapped-value" } },
        version: "1",
      });
      const again = taker.unwrap(token.text(), callContext());
      await expect(again).rejects.toMatchObject({ code: "not-found", hint: expect.stringContaining("stolen") });
      await expect(giver.wrap({ path: "secret/none" }, { ttlMs: 60_000 }, callContext())).rejects.toMatchObject({
        code: "not-found",
      });
      await expect(giver.wrap({ path: "secret/app" }, { ttlMs: 10 }, callContext())).rejects.toMatchObject({
        code: "invalid-argument",
      });
      const lease = await giver.wrap({ path: "database/creds/app" }, { ttlMs: 60_000 }, callContext());
      expect((await taker.unwrap(lease.token, callContext())).content).toMatchObject({
        fields: { username: expect.any(String) },
      });
      await Promise.all([giver.close?.(), taker.close?.()]);
    });
  });

  describe("policies", () => {
    it("such as that of the documents allow what they say they do", async () => {
      const document = await readFile(path.resolve(import.meta.dirname, "../../../docs/providers/vault.md"), "utf8");
      const root = open();
      await root.policies.write("documented", /^```hcl\n(.*?)^```/ms.exec(document)?.[1] ?? "", callContext());
      const provider = open({ auth: tokenAuth(await addToken(bao, { policies: ["default", "documented"] })) });
      const [at, context] = ["secret/prod/app", callContext()];
      const write = (ifVersion: string | null | undefined) =>
        provider.write!({ path: at }, { kind: "fields", fields: { key: "a" } }, { ifVersion, labels: { team: "ml" } }, context);
      await write(null);
      await write("1");
      expect((await provider.read({ path: at }, context)).labels).toEqual({ team: "ml" });
      expect((await provider.list!({ prefix: "secret/prod/" }, context)).items).toMatchObject([{ path: at, version: "2" }]);
      await provider.remove!({ path: at }, {}, context);
      await provider.undelete({ path: at }, context);
      await provider.destroy({ path: at, version: "1" }, context);
      expect((await provider.versions!(at, {}, context)).items.map(({ state }) => state)).toEqual(["enabled", "destroyed"]);
      const { lease } = await provider.read({ path: "database/creds/app" }, context);
      await provider.revoke!(await provider.renew!(lease!, context), context);
      expect((await provider.check!(context)).principal).toBe("token");
      await expect(provider.deleteMetadata(at, context)).rejects.toMatchObject({ code: "permission-denied" });
      await Promise.all([root.close?.(), provider.close?.()]);
    });

    it("are written, read, listed and deleted", async () => {
      const { policies, close } = open();
      const text = 'path "secret/data/ml/*" { capabilities = ["read"] }';
      await policies.write("ml", text, callContext());
      expect(await policies.read("ml", callContext())).toBe(text);
      expect(await policies.list(callContext())).toContain("ml");
      await policies.delete("ml", callContext());
      await expect(policies.read("ml", callContext())).rejects.toMatchObject({ code: "not-found" });
      await expect(policies.write("bad", "path {", callContext())).rejects.toMatchObject({ code: "invalid-argument" });
      await expect(policies.read("a/b", callContext())).rejects.toMatchObject({ code: "invalid-argument" });
      await close?.();
    });
  });

  describe("check", () => {
    it("tells who we are, what we may do with each store, the server's clock and version, and when its certificate ends", async () => {
      await addPolicy(bao, "checker", 'path "secret/data/*" { capabilities = ["read", "update"] }');
      const provider = open({ auth: tokenAuth(await addToken(bao, { policies: ["checker"], ttlSeconds: 60 })) });
      const report = await provider.check!(callContext());
      expect(report).toMatchObject({ principal: "token", permissions: [{ path: "secret/", actions: ["read", "update"] }] });
      expect(Math.abs((report.serverTimeAt ?? 0) - Date.now())).toBeLessThan(60_000);
      expect((report.certificateExpiresAt ?? 0) - Date.now()).toBeGreaterThan(86_400_000);
      expect(report.notes).toEqual([
        expect.stringMatching(/^version \d+\.\d+\.\d+$/),
        "policies: checker, default",
        expect.stringMatching(/^the token lives \d+ s$/),
      ]);
      await provider.close?.();
    });

    it.each([
      [429, { sealed: false, standby: true, version: "1.20.0" }, undefined],
      [473, { sealed: false, standby: true, version: "1.20.0" }, undefined],
      [472, { sealed: false, standby: true }, { code: "unavailable", retryable: true }],
      [
        501,
        { initialized: false, sealed: true },
        { code: "unavailable", retryable: false, hint: expect.stringContaining("init") },
      ],
      [503, { sealed: true }, { code: "unavailable", retryable: true, hint: expect.stringContaining("unseal") }],
      [530, { sealed: false }, { code: "unavailable" }],
      [429, undefined, { code: "rate-limited" }],
    ])("of a server whose health is %i %j gives a report or %j", async (status, body, failure) => {
      const provider = open();
      door.faults.next(
        { kind: "status", status, body: JSON.stringify(body ?? { errors: ["too many"] }) },
        { match: /sys\/health/ },
      );
      const checked = provider.check!(callContext());
      if (failure === undefined) expect((await checked).notes?.[0]).toBe("version 1.20.0, a standby");
      else await expect(checked).rejects.toMatchObject(failure);
      await provider.close?.();
    });

    it("and every read of a sealed server are unavailable and may be tried again; unsealed, it answers", async () => {
      const provider = open();
      await bao.seal();
      const failure = { code: "unavailable", retryable: true, hint: expect.stringContaining("unseal") };
      await expect(provider.check!(callContext())).rejects.toMatchObject(failure);
      await expect(provider.read({ path: "secret/app" }, callContext())).rejects.toMatchObject(failure);
      await bao.unseal();
      expect((await provider.read({ path: "secret/app" }, callContext())).version).toBe("1");
      await provider.close?.();
    });
  });
});
