import { callContext, createSecrets } from "@keyhold/core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../test/servers/oidc/start-token-server.ts";
import { vaultOrigin } from "../src/vault-origin.ts";
import { startVault, type TestVault } from "./support/start-vault.ts";
import { transports } from "./support/transports.ts";

describe.each(transports)("over $transport", (tested) => {
  let vault: TestVault;
  beforeAll(async () => {
    vault = await startVault(tested);
  });
  afterAll(() => vault.close());
  afterEach(() => {
    expect(vault.violations()).toEqual([]);
  });

  const text = (value: string, contentType?: string) => ({ kind: "opaque", value, ...(contentType && { contentType }) }) as const;
  const now = () => callContext();

  const countOf = (own: TestVault, answer: string) =>
    own.server.requests.filter((one) => `${one.request.method} ${one.request.path} ${one.answer?.status}` === answer).length;

  /** Waits until the servers have answered so once more. */
  async function answered(own: TestVault, answer: string, before = 0): Promise<void> {
    await expect.poll(() => countOf(own, answer), { interval: 10 }).toBeGreaterThan(before);
  }

  /** Lets a minute of the servers' time pass as soon as they have answered a new request so. */
  async function passOnce(own: TestVault, answer: string): Promise<void> {
    await answered(own, answer, countOf(own, answer));
    own.pass(60_000);
  }

  describe("a value in Key Vault", () => {
    it("is read newest or by version, with its labels, content type and times", async () => {
      const provider = vault.create();
      const secrets = createSecrets({ providers: { azure: provider } });
      const first = await secrets.put("azure://login", "one", { labels: { team: "ml" } });
      await provider.write!({ path: "login" }, text('{"a":1}', "application/json"), {}, now());
      expect((await secrets.get("azure://login#a")).text()).toBe("1");
      expect((await secrets.get(`azure://login?version=${first.version}`)).text()).toBe("one");
      const older = await provider.read({ path: "login", version: first.version }, now());
      expect(older).toMatchObject({ content: text("one"), labels: { team: "ml" }, version: first.version });
      const newest = await provider.read({ path: "login" }, now());
      expect(newest.content).toEqual(text('{"a":1}', "application/json"));
      expect(newest).not.toHaveProperty("labels");
      await secrets.close();
    });

    it("of bytes is base64 on the wire, marked by its content type, both ways", async () => {
      const provider = vault.create();
      const bytes = Uint8Array.from([0, 255, 128, 10, 13]);
      for (const [contentType, sent] of [
        [undefined, "application/octet-stream;base64"],
        ["application/x-pkcs12", "application/x-pkcs12;base64"],
      ] as const) {
        await provider.write!(
          { path: "bytes" },
          { kind: "opaque", value: bytes, ...(contentType && { contentType }) },
          {},
          now(),
        );
        const put = vault.server.requests.findLast(({ request }) => request.method === "PUT" && request.body.length > 0);
        expect(JSON.parse(String(put?.request.body))).toMatchObject({ value: "AP+ACg0=", contentType: sent });
        const { content } = await provider.read({ path: "bytes" }, now());
        expect(content).toEqual({ kind: "opaque", value: bytes, contentType: contentType ?? "application/octet-stream" });
      }
      vault.server.seed("pfx", "AP+ACg0=", { contentType: "application/x-pkcs12" });
      expect((await provider.read({ path: "pfx" }, now())).content).toEqual(text("AP+ACg0=", "application/x-pkcs12"));
      await provider.close?.();
    });

    it("that is marked as base64 and is none is decode; text is never marked", async () => {
      const provider = vault.create();
      for (const value of ["no base64!", "AP+ACg0=garbage", "A"]) {
        vault.server.seed("broken", value, { contentType: "text/plain;base64" });
        await expect(provider.read({ path: "broken" }, now())).rejects.toMatchObject({ code: "decode" });
      }
      vault.server.seed("wrapped", "AP+A\r\nCg0\n", { contentType: "text/plain;BASE64" });
      expect((await provider.read({ path: "wrapped" }, now())).content).toMatchObject({
        value: Uint8Array.from([0, 255, 128, 10, 13]),
      });
      const marked = provider.write!({ path: "marked" }, text("text", "text/plain;base64"), {}, now());
      await expect(marked).rejects.toMatchObject({ code: "invalid-argument" });
      const half = provider.write!({ path: "half" }, text("\ud800"), {}, now());
      await expect(half).rejects.toMatchObject({ code: "invalid-argument" });
      await provider.close?.();
    });

    it("is given out before its time and after its expiry, and says so; a disabled one is denied, and not missing", async () => {
      const provider = vault.create();
      const at = Math.floor(Date.now() / 1000);
      vault.server.seed("expired", "old", { attributes: { nbf: at - 120, exp: at - 60 } });
      vault.server.seed("early", "new", { attributes: { nbf: at + 60 } });
      vault.server.seed("disabled", "off", { attributes: { enabled: false } });
      expect(await provider.read({ path: "expired" }, now())).toMatchObject({
        content: text("old"),
        notBeforeAt: (at - 120) * 1000,
        expiresAt: (at - 60) * 1000,
      });
      expect(await provider.read({ path: "early" }, now())).toMatchObject({
        content: text("new"),
        notBeforeAt: (at + 60) * 1000,
      });
      await expect(provider.read({ path: "disabled" }, now())).rejects.toMatchObject({
        code: "permission-denied",
        hint: expect.stringContaining("disabled"),
      });
      expect((await provider.versions("disabled", {}, now())).items).toMatchObject([{ state: "disabled" }]);
      expect((await provider.versions("expired", {}, now())).items).toMatchObject([
        { state: "enabled", notBeforeAt: (at - 120) * 1000, expiresAt: (at - 60) * 1000 },
      ]);
      const states = (await provider.list!({ prefix: "disabled" }, now())).items;
      expect(states).toMatchObject([{ path: "disabled", state: "disabled" }]);
      await provider.close?.();
    });

    it("over 25 KB is refused with the limit in the hint, also as bytes", async () => {
      const provider = vault.create();
      const most = (25 * 1024 * 3) / 4;
      await provider.write!({ path: "large" }, { kind: "opaque", value: new Uint8Array(most) }, {}, now());
      const over = provider.write!({ path: "large" }, { kind: "opaque", value: new Uint8Array(most + 1) }, {}, now());
      await expect(over).rejects.toMatchObject({ code: "invalid-argument", hint: expect.stringContaining("25 KB") });
      await provider.close?.();
    });
  });

  describe("a name", () => {
    it("that Key Vault cannot hold, and a version that is none, are refused before anything is sent", async () => {
      const provider = vault.create();
      const before = vault.server.requests.length;
      const bad = ["db/password", "db_password", "", "..", "a".repeat(128), "päss", "a?b", "a%2fb"];
      for (const path of bad) {
        for (const call of [
          () => provider.read({ path }, now()),
          () => provider.write!({ path }, text("v"), {}, now()),
          () => provider.remove!({ path }, {}, now()),
          () => provider.versions(path, {}, now()),
          () => provider.recover(path, now()),
          () => provider.purge(path, now()),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: "invalid-argument", hint: expect.any(String) });
        }
      }
      for (const version of ["..", "latest", "0".repeat(31), `${"0".repeat(32)}/x`]) {
        await expect(provider.read({ path: "a", version }, now())).rejects.toMatchObject({ code: "invalid-argument" });
      }
      for (const locator of [
        { path: "a", stage: "current" },
        { path: "a", version: "0".repeat(32) },
      ]) {
        await expect(provider.write!(locator, text("v"), {}, now())).rejects.toMatchObject({ code: "unsupported" });
        await expect(provider.remove!(locator, {}, now())).rejects.toMatchObject({ code: "unsupported" });
      }
      await expect(provider.write!({ path: "a" }, text("v"), { ifVersion: null }, now())).rejects.toMatchObject({
        code: "unsupported",
      });
      const once = provider.write!({ path: "a" }, text("v"), { idempotencyKey: "once" }, now());
      await expect(once).rejects.toMatchObject({ code: "unsupported" });
      await expect(provider.remove!({ path: "a" }, { ifVersion: "x" }, now())).rejects.toMatchObject({ code: "unsupported" });
      expect(vault.server.requests.length).toBe(before);
      await provider.close?.();
    });

    it("means one secret in any case, in lists too", async () => {
      const provider = vault.create();
      await provider.write!({ path: "Mixed-Case" }, text("one"), {}, now());
      await provider.write!({ path: "mixed-case" }, text("two"), {}, now());
      expect((await provider.read({ path: "MIXED-CASE" }, now())).content).toEqual(text("two"));
      expect((await provider.versions("mixed-CASE", {}, now())).items).toHaveLength(2);
      expect((await provider.list!({ prefix: "mixed-" }, now())).items.map(({ path }) => path)).toEqual(["Mixed-Case"]);
      await provider.close?.();
    });
  });

  describe("lists", () => {
    it("of secrets come a page at a time, with labels, and follow no more than is asked", async () => {
      const own = await startVault(tested);
      for (let index = 0; index < 60; index += 1)
        own.server.seed(`many-${String(index).padStart(2, "0")}`, "x", { tags: { n: `${index}` } });
      const provider = own.create();
      const first = await provider.list!({ prefix: "many-0" }, now());
      expect(first.items).toHaveLength(10);
      expect(first.items[3]).toMatchObject({ path: "many-03", labels: { n: "3" }, createdAt: expect.any(Number) });
      expect(first.next).toMatch(/^\/secrets\?/);
      expect(own.server.requests.filter(({ answer }) => answer?.status === 200)).toHaveLength(1);
      const secrets = createSecrets({ providers: { azure: provider } });
      expect(await Array.fromAsync(secrets.list("azure://many-5"))).toHaveLength(10);
      expect(await Array.fromAsync(secrets.list("azure://"))).toHaveLength(60);
      expect(own.violations()).toEqual([]);
      await secrets.close();
      await own.close();
    });

    it("of versions put the current one first, also within one second, unless it may not be read", async () => {
      const own = await startVault(tested);
      const provider = own.create();
      for (let round = 0; round < 10; round += 1) {
        const ids = [];
        for (const value of ["1", "2", "3"])
          ids.push((await provider.write!({ path: `burst-${round}` }, text(value), {}, now())).version);
        const { items } = await provider.versions(`burst-${round}`, {}, now());
        expect(items[0]?.version).toBe(ids[2]);
        expect(items.map(({ version }) => version).sort()).toEqual([...ids].sort());
      }
      own.server.restrict(testClient.clientId, ["list"]);
      expect((await provider.versions("burst-0", {}, now())).items).toHaveLength(3);
      await provider.close?.();
      await own.close();
    });
  });

  describe("a removed secret", () => {
    it("keeps its name, is listed as deleted, and comes back with all its versions", async () => {
      const own = await startVault(tested, { deletingMs: 60_000, recoveringMs: 60_000 });
      const provider = own.create();
      for (const value of ["one", "two"]) await provider.write!({ path: "gone" }, text(value), {}, now());
      await provider.remove!({ path: "gone" }, {}, now());
      await expect(provider.read({ path: "gone" }, now())).rejects.toMatchObject({
        code: "not-found",
        hint: expect.stringContaining("recover()"),
      });
      const rewrite = () => provider.write!({ path: "gone" }, text("three"), {}, now());
      await expect(rewrite()).rejects.toMatchObject({
        code: "conflict",
        retryable: true,
        hint: expect.stringMatching(/recover.*purge/),
      });
      own.pass(60_000);
      await expect(rewrite()).rejects.toMatchObject({
        code: "conflict",
        retryable: false,
        hint: expect.stringMatching(/recover.*purge/),
      });

      const empty = await provider.listDeleted({ prefix: "" }, now());
      expect(empty).toMatchObject({ items: [], next: expect.stringMatching(/^\/deletedsecrets\?/) });
      const { items, next } = await provider.listDeleted({ prefix: "", cursor: empty.next as string }, now());
      expect(items).toMatchObject([{ path: "gone", deletedAt: expect.any(Number) }]);
      expect((items[0]?.purgeAt ?? 0) - (items[0]?.deletedAt ?? 0)).toBe(90 * 24 * 60 * 60 * 1000);
      expect(next).toBeUndefined();

      const recovered = provider.recover("gone", now());
      await answered(own, "POST /deletedsecrets/gone/recover 200");
      await passOnce(own, "GET /secrets/gone/ 404");
      await recovered;
      expect((await provider.read({ path: "gone" }, now())).content).toEqual(text("two"));
      expect((await provider.versions("gone", {}, now())).items).toHaveLength(2);
      await expect(provider.recover("never", now())).rejects.toMatchObject({ code: "not-found" });
      expect(own.violations()).toEqual([]);
      await provider.close?.();
      await own.close();
    });

    it("is purged as soon as Key Vault is done removing it, which frees the name", async () => {
      const own = await startVault(tested, { deletingMs: 60_000 });
      const provider = own.create();
      await provider.write!({ path: "old" }, text("one"), {}, now());
      await provider.remove!({ path: "old" }, {}, now());
      const purged = provider.purge("old", now());
      await passOnce(own, "DELETE /deletedsecrets/old 409");
      await purged;
      await provider.write!({ path: "old" }, text("new"), {}, now());
      expect((await provider.versions("old", {}, now())).items).toHaveLength(1);
      await expect(provider.purge("never", now())).rejects.toMatchObject({ code: "not-found" });
      await provider.close?.();
      await own.close();
    });

    it("is removed even if the look at how far it is fails, and even if nobody may look", async () => {
      const own = await startVault(tested);
      own.server.seed("a", "1");
      own.server.seed("b", "1");
      const provider = own.create();
      own.server.faults.next({ kind: "status", status: 503 }, { match: /^GET \/deletedsecrets/ });
      await provider.remove!({ path: "a" }, {}, now());
      own.server.restrict(testClient.clientId, ["delete", "recover"]);
      await provider.remove!({ path: "b" }, {}, now());
      await provider.recover("b", now());
      expect(own.server.faults.pending).toBe(tested.looksAfterRemoval ? 0 : 1);
      await provider.close?.();
      await own.close();
    });

    it("under purge protection cannot be purged", async () => {
      const own = await startVault(tested, { purgeProtection: true });
      own.server.seed("kept", "1");
      const provider = own.create();
      await provider.remove!({ path: "kept" }, {}, now());
      await expect(provider.purge("kept", now())).rejects.toMatchObject({
        code: "permission-denied",
        hint: expect.stringContaining("Purge protection"),
      });
      await provider.close?.();
      await own.close();
    });
  });

  describe("a provider", () => {
    it("tells who we are, the server's time and the certificate's end, also to those who may not list", async () => {
      const own = await startVault(tested);
      const provider = own.create();
      const report = await provider.check!(now());
      expect(report).toMatchObject({
        principal: expect.stringContaining(testClient.clientId),
        permissions: [{ path: "*", actions: ["secrets/list"] }],
      });
      expect(Math.abs((report.serverTimeAt ?? 0) - Date.now())).toBeLessThan(60_000);
      expect(report.certificateExpiresAt).toBeGreaterThan(Date.now());
      own.server.restrict(testClient.clientId, []);
      expect((await provider.check!(now())).permissions).toEqual([{ path: "*", actions: [] }]);
      await provider.close?.();
      await own.close();
    });

    it("for each of two vaults keeps to its own, with its own credential", async () => {
      const other = await startVault(tested);
      vault.server.seed("shared", "here");
      other.server.seed("shared", "there");
      const secrets = createSecrets({ providers: { here: vault.create(), there: other.create() } });
      const both = await secrets.getMany(["here://shared", "there://shared"]);
      expect(both.map((one) => one.text())).toEqual(["here", "there"]);
      await secrets.close();
      expect(other.violations()).toEqual([]);
      await other.close();
    });

    it("is closed for every call after close, and ends those under way", async () => {
      const provider = vault.create();
      await provider.read({ path: "shared" }, now());
      vault.server.faults.next({ kind: "hang" });
      const waiting = provider.read({ path: "shared" }, now());
      const ended = expect(waiting).rejects.toMatchObject({ code: "closed" });
      await expect.poll(() => vault.server.faults.pending).toBe(0);
      await provider.close?.();
      await ended;
      for (const call of [
        () => provider.check!(now()),
        () => provider.purge("a", now()),
        () => provider.listDeleted({ prefix: "" }, now()),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "closed" });
      }
    });

    it("finds a vault by name in any cloud, and refuses an address that is none, without repeating it", () => {
      expect(vaultOrigin({ vaultName: "ml-prod" })).toBe("https://ml-prod.vault.azure.net");
      expect(vaultOrigin({ vaultName: "ml-prod", vaultDnsSuffix: "vault.azure.cn" })).toBe("https://ml-prod.vault.azure.cn");
      expect(vaultOrigin({ vaultUrl: "https://ml-prod.vault.usgovcloudapi.net/" })).toBe(
        "https://ml-prod.vault.usgovcloudapi.net",
      );
      for (const bad of [
        {},
        { vaultName: "a", vaultUrl: "https://a.vault.azure.net" },
        { vaultName: "evil.example/x" },
        { vaultName: "ml--prod" },
        { vaultName: "ml-prod", vaultDnsSuffix: "vault.azure.net@evil.example" },
        { vaultUrl: "http://ml-prod.vault.azure.net" },
        { vaultUrl: "https://user:canary@ml-prod.vault.azure.net" },
        { vaultUrl: "https://ml-prod.vault.azure.net/secrets/canary" },
        { vaultUrl: "canary" },
      ]) {
        expect(() => vaultOrigin(bad)).toThrow(
          expect.objectContaining({ code: "invalid-argument", message: expect.not.stringContaining("canary") }),
        );
      }
    });
  });
});
