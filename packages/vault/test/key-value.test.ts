import { createSecrets, type Json } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { tokenAuth, type VaultOptions, type VaultProvider } from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { HttpsService } from "../../../test/servers/https-service.ts";
import { addPolicy, addToken } from "../../../test/servers/openbao/auth-methods.ts";
import { createNamespace, enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

describe.each(transports)("over $transport", ({ vault }) => {
  let bao: OpenBao;
  let door: HttpsService;
  let provider: VaultProvider;
  beforeAll(async () => {
    bao = await startOpenBao();
    door = await startFaultyBao(bao);
    await Promise.all([enableKv(bao, "secret", 2), enableKv(bao, "team/deep/kv", 2), enableKv(bao, "old", 1)]);
  });
  afterAll(() => Promise.all([door.close(), bao.close()]));
  beforeEach(() => {
    provider = open();
    door.requests.length = 0;
  });
  afterEach(async () => {
    await provider.close?.();
    expect(door.violations).toEqual([]);
  });

  const open = (options: VaultOptions = {}) =>
    vault({ address: door.url, tls: { ca: door.ca }, auth: tokenAuth(bao.rootToken), ...options });
  const fields = (values: Readonly<Record<string, Json>>) => ({ kind: "fields", fields: values }) as const;
  const write = (path: string, values: Readonly<Record<string, Json>>, options = {}) =>
    provider.write!({ path }, fields(values), options, callContext());
  const read = (path: string, version?: string) =>
    provider.read({ path, ...(version === undefined ? {} : { version }) }, callContext());
  const lookUps = () => door.requests.filter(({ request }) => request.path.startsWith("/v1/sys/internal/ui/mounts/"));

  describe("mounts", () => {
    it("are asked for once each, however many callers and secrets there are, and tell the two versions apart", async () => {
      await bao.call({ path: "secret/data/one", body: { data: { a: 1 } } });
      await bao.call({ path: "team/deep/kv/data/two", body: { data: { a: 2 } } });
      await bao.call({ path: "old/three", body: { a: 3 } });
      const paths = ["secret/one", "team/deep/kv/two", "old/three"];
      const records = await Promise.all(Array.from({ length: 30 }, (_record, index) => read(paths[index % 3] as string)));
      expect(records.map(({ content }) => content)).toEqual(records.map((_record, index) => fields({ a: (index % 3) + 1 })));
      expect(lookUps()).toHaveLength(3);
      expect(records[0]?.version).toBe("1");
      expect(records[2]?.version).toMatch(/^[\w-]{22}$/);
    });

    it("that are named in the options are not asked for, which a token without that right needs", async () => {
      await bao.call({ path: "secret/data/named", body: { data: { a: 1 } } });
      await bao.call({ path: "sys/policies/acl/bare", body: { policy: 'path "secret/data/named" { capabilities = ["read"] }' } });
      const { auth } = await bao.call({ path: "auth/token/create", body: { policies: ["bare"], no_default_policy: true } });
      const named = open({ auth: tokenAuth(auth.client_token), mounts: { "/secret/": 2 } });
      expect((await named.read({ path: "secret/named" }, callContext())).content).toEqual(fields({ a: 1 }));
      expect(lookUps()).toHaveLength(0);
      await named.close?.();
      expect(() => open({ mounts: { secret: 3 as never } })).toThrow(/1 or 2/);
    });

    it("that nobody can see are permission-denied, with the way out", async () => {
      await expect(read("nowhere/a")).rejects.toMatchObject({
        code: "permission-denied",
        hint: expect.stringContaining("mounts"),
      });
      await expect(read("secret")).rejects.toMatchObject({
        code: "invalid-argument",
        hint: expect.stringContaining("secret/app"),
      });
    });

    it("of a namespace are its own", async () => {
      await createNamespace(bao, "unit");
      await enableKv(bao, "secret", 1, "unit");
      const inside = open({ namespace: "/unit/" });
      await inside.write!({ path: "secret/ours" }, fields({ a: "unit" }), {}, callContext());
      expect((await inside.read({ path: "secret/ours" }, callContext())).content).toEqual(fields({ a: "unit" }));
      expect((await inside.check!(callContext())).permissions).toContainEqual({ path: "secret/", actions: ["root"] });
      await expect(read("secret/ours")).rejects.toMatchObject({ code: "not-found" });
      const none = open({ namespace: "none", mounts: { secret: 2 } });
      await expect(none.read({ path: "secret/ours" }, callContext())).rejects.toMatchObject({
        code: "invalid-argument",
      });
      await Promise.all([inside.close?.(), none.close?.()]);
    });
  });

  describe("version 2 of the key-value store", () => {
    it("deletes so that it can be undone, and destroys so that it cannot", async () => {
      for (const a of [1, 2, 3]) await write("secret/life", { a });
      await provider.remove!({ path: "secret/life" }, {}, callContext());
      await expect(read("secret/life")).rejects.toMatchObject({ code: "not-found", hint: expect.stringContaining("undelete") });
      expect((await read("secret/life", "2")).content).toEqual(fields({ a: 2 }));
      await expect(provider.remove!({ path: "secret/life" }, {}, callContext())).rejects.toMatchObject({ code: "not-found" });
      await provider.undelete({ path: "secret/life" }, callContext());
      expect((await read("secret/life")).content).toEqual(fields({ a: 3 }));
      await expect(provider.undelete({ path: "secret/life" }, callContext())).rejects.toMatchObject({ code: "not-found" });
      await provider.destroy({ path: "secret/life", version: "1" }, callContext());
      await provider.remove!({ path: "secret/life", version: "2" }, {}, callContext());
      const { items } = await provider.versions!("secret/life", {}, callContext());
      expect(items.map(({ version, state }) => [version, state])).toEqual([
        ["3", "enabled"],
        ["2", "deleted"],
        ["1", "destroyed"],
      ]);
      await expect(read("secret/life", "1")).rejects.toMatchObject({
        code: "not-found",
        message: expect.stringContaining("destroyed"),
      });
      await expect(provider.undelete({ path: "secret/life", version: "1" }, callContext())).rejects.toMatchObject({
        code: "not-found",
      });
      await expect(provider.destroy({ path: "secret/life" }, callContext())).rejects.toMatchObject({ code: "invalid-argument" });
      await provider.deleteMetadata("secret/life", callContext());
      await expect(provider.versions!("secret/life", {}, callContext())).rejects.toMatchObject({ code: "not-found" });
    });

    it("takes 0 for the newest version; here that and other words are refused", async () => {
      await write("secret/zero", { a: 1 });
      for (const version of ["0", "-1", "abc", "1e0", "99999999999999999999"]) {
        await expect(read("secret/zero", version)).rejects.toMatchObject({ code: "invalid-argument" });
      }
    });

    it("writes where nothing is also after a removal, and compares by the version", async () => {
      const first = await write("secret/again", { a: 1 }, { ifVersion: null });
      await expect(write("secret/again", { a: 2 }, { ifVersion: null })).rejects.toMatchObject({ code: "conflict" });
      await provider.remove!({ path: "secret/again" }, { ifVersion: first.version }, callContext());
      expect(await write("secret/again", { a: 3 }, { ifVersion: null })).toEqual({ version: "2" });
      await expect(write("secret/again", { a: 4 }, { ifVersion: "not-a-version" })).rejects.toMatchObject({ code: "conflict" });
      await provider.remove!({ path: "secret/again" }, {}, callContext());
      // Vault's own comparison is with the newest version, whether it is deleted or not.
      expect(await write("secret/again", { a: 5 }, { ifVersion: "2" })).toEqual({ version: "3" });
    });

    it("is written to also where it demands a comparison from everybody", async () => {
      await bao.call({ path: "secret/metadata/strict", body: { cas_required: true } });
      expect(await write("secret/strict", { a: 1 })).toEqual({ version: "1" });
      expect(await write("secret/strict", { a: 2 })).toEqual({ version: "2" });
    });

    it("keeps labels over writes that bring none, and times", async () => {
      await write("secret/labelled", { a: 1 }, { labels: { team: "ml" } });
      await bao.call({ path: "secret/metadata/labelled", body: { delete_version_after: "1h" } });
      await write("secret/labelled", { a: 2 });
      const record = await read("secret/labelled");
      expect(record.labels).toEqual({ team: "ml" });
      expect((record.expiresAt ?? 0) - (record.createdAt ?? 0)).toBe(3_600_000);
      const { items } = await provider.list!({ prefix: "secret/labelled" }, callContext());
      expect(items).toMatchObject([{ path: "secret/labelled", version: "2", labels: { team: "ml" } }]);
      expect(await provider.probe!({ path: "secret/labelled" }, callContext())).toEqual({ version: "2" });
    });
  });

  describe("version 1 of the key-value store", () => {
    it("is read, written, listed and removed; versions, labels and comparisons are unsupported", async () => {
      const { version } = await write("old/app", { a: 1 });
      expect((await read("old/app")).version).toBe(version);
      expect((await provider.list!({ prefix: "old/app" }, callContext())).items).toEqual([{ path: "old/app" }]);
      for (const call of [
        read("old/app", "1"),
        write("old/app", { a: 2 }, { ifVersion: version }),
        write("old/app", { a: 2 }, { labels: { team: "ml" } }),
        provider.versions!("old/app", {}, callContext()),
        provider.probe!({ path: "old/app" }, callContext()),
        provider.remove!({ path: "old/app" }, { ifVersion: version }, callContext()),
      ]) {
        await expect(call).rejects.toMatchObject({ code: "unsupported", hint: expect.stringContaining("enable-versioning") });
      }
      await provider.remove!({ path: "old/app" }, {}, callContext());
      await expect(read("old/app")).rejects.toMatchObject({ code: "not-found" });
      await expect(provider.remove!({ path: "old/app" }, {}, callContext())).rejects.toMatchObject({ code: "not-found" });
    });

    it("gives numbers as they were written, which version 2 makes doubles of", async () => {
      const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };
      const numbers = { id: rawJSON("12345678901234567890"), price: rawJSON("1.10") };
      await bao.call({ path: "old/numbers", body: numbers });
      await bao.call({ path: "secret/data/numbers", body: { data: numbers } });
      const secrets = createSecrets({ providers: { vault: provider } });
      const references = ["vault://old/numbers#id", "vault://old/numbers#price", "vault://secret/numbers#price"] as const;
      expect((await secrets.getMany(references)).map((found) => found.text())).toEqual(["12345678901234567890", "1.10", "1.1"]);
      await secrets.close();
    });
  });

  it("a mount that is upgraded while a provider runs is read as what it is then", async () => {
    await enableKv(bao, "upgraded", 1);
    await bao.call({ path: "upgraded/app", body: { a: 1 } });
    expect((await read("upgraded/app")).content).toEqual(fields({ a: 1 }));
    await bao.call({ path: "sys/mounts/upgraded/tune", body: { options: { version: "2" } } });
    await expect
      .poll(() =>
        read("upgraded/app").then(
          ({ version }) => version,
          () => "",
        ),
      )
      .toBe("1");
  });

  describe("paths", () => {
    it.each(["secret//a", "/secret/a", "secret/a/", "secret/./a", "secret/a/../b", "../sys/policies/acl/root"])(
      "such as %s are refused before anything is sent",
      async (path) => {
        await expect(read(path)).rejects.toMatchObject({ code: "invalid-argument" });
        await expect(write(path, { a: 1 })).rejects.toMatchObject({ code: "invalid-argument" });
        expect(door.requests).toHaveLength(0);
      },
    );
  });

  describe("lists", () => {
    const all = async (prefix: string, from = provider) => {
      const paths: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await from.list!({ prefix, ...(cursor === undefined ? {} : { cursor }) }, callContext());
        paths.push(...page.items.map(({ path }) => path));
        cursor = page.next;
        pages += 1;
      } while (cursor !== undefined);
      return { paths, pages };
    };

    it("walk folders in order, over pages, and leave out what is deleted or starts otherwise", async () => {
      const names = [
        "a",
        "a-b",
        "a/x",
        "a/y/z",
        "a0",
        ...Array.from({ length: 120 }, (_name, index) => `many/${String(index).padStart(3, "0")}`),
      ];
      await Promise.all(names.map((name) => bao.call({ path: `team/deep/kv/data/${name}`, body: { data: {} } })));
      await bao.call({ method: "DELETE", path: "team/deep/kv/data/a0" });
      const { paths, pages } = await all("team/deep/kv/");
      expect(paths).toEqual(
        names
          .filter((name) => name !== "a0")
          .map((name) => `team/deep/kv/${name}`)
          .concat(["team/deep/kv/two"]),
      );
      expect(pages).toBe(2);
      expect((await all("team/deep/kv/a/")).paths).toEqual(["team/deep/kv/a/x", "team/deep/kv/a/y/z"]);
      expect((await all("team/deep/kv/many/11")).paths).toHaveLength(10);
      expect((await all("te")).paths).toEqual(paths);
      expect((await all("")).paths).toEqual(expect.arrayContaining(["old/three", "secret/one", "team/deep/kv/a"]));
    });

    it("show what the token may list, and fail where it may not list the place itself", async () => {
      await Promise.all(
        ["mine/a", "mine/b/c", "theirs/d"].map((name) => bao.call({ path: `secret/data/x/${name}`, body: { data: {} } })),
      );
      await addPolicy(
        bao,
        "lister",
        `path "secret/metadata/x/" { capabilities = ["list"] }
       path "secret/metadata/x/mine/*" { capabilities = ["list", "read"] }`,
      );
      const mine = open({ auth: tokenAuth(await addToken(bao, { policies: ["lister"] })) });
      expect((await all("secret/x/", mine)).paths).toEqual(["secret/x/mine/a", "secret/x/mine/b/c"]);
      await expect(all("secret/x/theirs/", mine)).rejects.toMatchObject({ code: "permission-denied" });
      expect((await all("", mine)).paths).toEqual([]);
      await mine.close?.();
    });
  });
});
