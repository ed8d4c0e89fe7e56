import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { apiKeyAuth, conjur, jwtAuth } from "@keyhold/conjur";
import { createSecrets } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readText, type Started, start, textOf } from "./start.ts";

let started: Started;
beforeAll(async () => {
  started = await start(`
- !host writer
- !host stranger
- !variable { id: app/key, annotations: { team: ml } }
- !variable app/written
- !permit { role: !host writer, privileges: [update], resource: !variable app/written }
`);
  started.server.seed("app/key", "value");
});
afterAll(() => started.close());
afterEach(() => {
  expect(started.server.violations).toEqual([]);
  expect(started.server.faults.pending).toBe(0);
});

const text = (value: string) => ({ kind: "opaque", value }) as const;
const declare = (...paths: readonly string[]) =>
  started.server.seedPolicy(paths.map((path) => `- !variable ${JSON.stringify(path)}`).join("\n"));

describe("reading", () => {
  it("gives annotations as labels, and twenty versions", async () => {
    declare("app/old");
    for (let version = 1; version <= 25; version += 1) started.server.seed("app/old", `value ${version}`);
    const provider = started.open();
    expect((await provider.read({ path: "app/key" }, callContext())).labels).toEqual({ team: "ml" });
    const secrets = createSecrets({ providers: { conjur: provider } });
    const versions = await Array.fromAsync(secrets.versions("conjur://app/old"));
    expect(versions.map(({ version }) => Number(version))).toEqual(Array.from({ length: 20 }, (_version, index) => 25 - index));
    expect((await secrets.get("conjur://app/old?version=6")).text()).toBe("value 6");
    await expect(secrets.get("conjur://app/old?version=5")).rejects.toMatchObject({ code: "not-found" });
    await secrets.close();
  });

  it.each(["0", "-1", "1.5", "01", "latest", "99999999999999999999"])(
    "says of version %s that there is none, without asking",
    async (version) => {
      const provider = started.open();
      started.requests();
      await expect(provider.read({ path: "app/key", version }, callContext())).rejects.toMatchObject({ code: "not-found" });
      expect(started.requests()).toEqual([]);
    },
  );

  it("refuses stages, dot segments and halves of characters", async () => {
    const provider = started.open();
    const stage = provider.read({ path: "app/key", stage: "latest" }, callContext());
    await expect(stage).rejects.toMatchObject({ code: "unsupported" });
    for (const path of ["app/../app/key", "./app/key", "app/\ud800"]) {
      await expect(provider.read({ path }, callContext())).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });
});

describe("writing", () => {
  it("to what no policy declares is not-found, and says that a policy must", async () => {
    const writing = started.open().write!({ path: "app/undeclared" }, text("x"), {}, callContext());
    await expect(writing).rejects.toMatchObject({ code: "not-found", hint: expect.stringContaining("!variable") });
  });

  it("a blank value is invalid-argument, and what was there stays", async () => {
    const provider = started.open();
    for (const value of ["", " \n"]) {
      const writing = provider.write!({ path: "app/key" }, text(value), {}, callContext());
      await expect(writing).rejects.toMatchObject({ code: "invalid-argument", hint: expect.any(String) });
    }
    expect(await readText(provider, "app/key", callContext())).toBe("value");
  });

  it("needs update and nothing more, and says so to those who lack it", async () => {
    const writer = started.as("host/writer");
    expect(await writer.write!({ path: "app/written" }, text("one"), {}, callContext())).toEqual({ version: "1" });
    await expect(writer.read({ path: "app/written" }, callContext())).rejects.toMatchObject({ code: "permission-denied" });
    started.server.seedPolicy("- !permit { role: !host writer, privileges: [read], resource: !variable app/key }");
    const writing = writer.write!({ path: "app/key" }, text("x"), {}, callContext());
    await expect(writing).rejects.toMatchObject({ code: "permission-denied", hint: expect.stringContaining("update") });
  });

  it("gives each of eight writers at once the version of its own value", async () => {
    declare("app/busy");
    const provider = started.open();
    const values = Array.from({ length: 8 }, (_value, index) => `value ${index}`);
    const written = await Promise.all(
      values.map((value) => provider.write!({ path: "app/busy" }, text(value), {}, callContext())),
    );
    expect(new Set(written.map(({ version }) => version)).size).toBe(8);
    for (const [index, { version }] of written.entries()) {
      const { content } = await provider.read({ path: "app/busy", version }, callContext());
      expect(textOf(content)).toBe(values[index]);
    }
  });

  it("refuses what Conjur has not: a comparison, and labels", async () => {
    const provider = started.open();
    for (const options of [{ ifVersion: "1" }, { ifVersion: null }, { labels: { team: "ml" } }]) {
      const writing = provider.write!({ path: "app/key" }, text("x"), options, callContext());
      await expect(writing).rejects.toMatchObject({ code: "unsupported", hint: expect.any(String) });
    }
    expect(provider.remove).toBeUndefined();
  });

  it("lets a value expire without writing one", async () => {
    const provider = started.open();
    await provider.expire("app/key", callContext());
    expect(await readText(provider, "app/key", callContext())).toBe("value");
    const strangers = started.as("host/stranger").expire("app/key", callContext());
    await expect(strangers).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("listing", () => {
  it("pages through hundreds, narrowed by whole folders, and leaves out what has no value", async () => {
    const paths = Array.from({ length: 250 }, (_path, index) => `it/the/${String(index).padStart(3, "0")}`);
    declare(...paths, "it/the/unset", "it/there");
    for (const path of [...paths, "it/there"]) started.server.seed(path, "x");
    const secrets = createSecrets({ providers: { conjur: started.open() } });
    started.requests();
    const listed = await Array.fromAsync(secrets.list("conjur://it/the/"));
    expect(listed.map(({ path }) => path)).toEqual(paths);
    const asked = started.server.requests.slice(-started.requests().length).map(({ request }) => request.query);
    // Words that are stop words in a text search: the kind stands beside them, or it would find nothing.
    expect(asked.map((query) => query.get("search"))).toEqual(Array(3).fill("variable it the"));
    expect(asked.map((query) => query.get("offset"))).toEqual(["0", "100", "200"]);
    const some = await Array.fromAsync(secrets.list("conjur://it/the/24"));
    expect(some).toHaveLength(10);
    await secrets.close();
  });

  it("takes no cursor but its own", async () => {
    const listing = started.open().list!({ prefix: "", cursor: "-1" }, callContext());
    await expect(listing).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("the provider", () => {
  it("tells who we are, the server's time, its certificate's end, and how much we see", async () => {
    const writer = started.as("host/writer");
    expect(await writer.whoami(callContext())).toEqual({ account: "test", login: "host/writer", clientIp: "127.0.0.1" });
    const report = await writer.check!(callContext());
    expect(report).toMatchObject({
      principal: "host/writer of account test",
      notes: expect.arrayContaining([expect.stringMatching(/^sees \d+ variables?$/)]),
    });
    expect(Math.abs((report.serverTimeAt ?? 0) - Date.now())).toBeLessThan(60_000);
    const days = ((report.certificateExpiresAt ?? 0) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(9);
    expect(days).toBeLessThan(11);
  });

  it("serves two accounts at once, each with its own credentials", async () => {
    const other = await start("- !variable app/key", { account: "other" });
    other.server.seed("app/key", "the other's");
    const secrets = createSecrets({ providers: { one: started.open(), two: other.open() } });
    const read = await secrets.getMany({ one: "one://app/key", two: "two://app/key" });
    expect([read.one.text(), read.two.text()]).toEqual(["value", "the other's"]);
    await secrets.close();
    expect(other.server.violations).toEqual([]);
    await other.close();
  });

  it("refuses options that cannot be", () => {
    const { url, auth } = { url: "https://conjur.example", auth: apiKeyAuth({ login: "admin", apiKey: "key" }) };
    const wrong: (() => unknown)[] = [
      () => conjur({ url: "conjur.example", account: "test", auth }),
      () => conjur({ url: "http://conjur.example", account: "test", auth }),
      () => conjur({ url, account: "", auth }),
      () => conjur({ url, account: "test:host", auth }),
      () => conjur({ url, account: "test", auth: undefined as never }),
      () => apiKeyAuth({ login: "", apiKey: "key" }),
      () => apiKeyAuth({ login: "admin", apiKey: undefined as never }),
      () => jwtAuth({ service: " ", token: async () => "" }),
    ];
    for (const make of wrong) expect(make).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("loads no network module before its first call", async () => {
    const script = `import { apiKeyAuth, conjur } from "@keyhold/conjur";
      conjur({ url: "https://conjur.example", account: "test", auth: apiKeyAuth({ login: "admin", apiKey: "key" }) });
      console.log(process.moduleLoadList.filter((name) => /^NativeModule (https?|net|tls|dns|crypto)$/.test(name)).join());`;
    const run = ["--conditions=@keyhold/source", "--input-type=module", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, run, { cwd: import.meta.dirname });
    expect(stdout.trim()).toBe("");
  });
});
