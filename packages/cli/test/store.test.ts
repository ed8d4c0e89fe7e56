import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { createWorkspace, workspaceAt } from "./support/keyhold.ts";

const canary = "hunter2-4f1c9a";

describe.concurrent("a store from the command line", () => {
  it("init makes a store, an identity outside the folder and a config; once more changes none of them", async () => {
    const { folder, home, keyhold } = createWorkspace();
    const first = await keyhold(["init"]);
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(first.stdout).toContain("keyhold set openai");
    expect(first.stdout).not.toContain("AGE-SECRET-KEY");
    expect(readdirSync(folder).sort()).toEqual(["home", "keyhold.age", "keyhold.config.mts"]);
    const files = ["keyhold.age", "keyhold.config.mts", "home/.config/keyhold/identity.txt"].map((name) =>
      path.join(folder, name),
    );
    const before = files.map((file) => readFileSync(file, "utf8"));
    expect(statSync(files[2] as string).mode & 0o777).toBe(0o600);
    expect(before[2]).toContain("AGE-SECRET-KEY-1");

    const again = await keyhold(["init", "--json"]);
    expect(JSON.parse(again.stdout)).toEqual({
      store: files[0],
      storeCreated: false,
      identity: files[2],
      identityCreated: false,
      recipient: expect.stringMatching(/^age1/),
      config: files[1],
      configCreated: false,
    });
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
    expect(home).toBe(path.join(folder, "home"));
    expect(before[1]).toContain("local: local(),");

    // Another folder of the same user, whose identity is there already.
    mkdirSync(path.join(folder, "other"));
    const env = { XDG_CONFIG_HOME: path.join(home, ".config") };
    expect((await workspaceAt(path.join(folder, "other")).keyhold(["init"], { env })).status).toBe(0);
    expect(readFileSync(path.join(folder, "other/keyhold.config.mts"), "utf8")).toBe(before[1]);

    // It is not told that its identity has a passphrase now.
    expect((await keyhold(["init", "--passphrase"])).stdout).toContain("--passphrase protects a new one only");
  });

  it("init keeps a config of another kind, and --post-quantum makes a hybrid key", async () => {
    const { folder, keyhold } = createWorkspace();
    writeFileSync(path.join(folder, "keyhold.config.json"), '{ "providers": { "local": { "kind": "local" } } }');
    const { status, stdout } = await keyhold(["init", "--post-quantum", "--json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ configCreated: false, recipient: expect.stringMatching(/^age1pq1/) });
    expect(readdirSync(folder)).not.toContain("keyhold.config.mts");
    expect((await keyhold(["set", "key"], { input: canary })).status).toBe(0);
    expect((await keyhold(["get", "key"])).stdout).toBe(canary);
  });

  it("set, get, list, versions and remove tell names, versions and ages, and only get gives a value", async () => {
    const { keyhold, seed } = createWorkspace();
    await seed();
    const set = await keyhold(["set", "db", "--json"], { input: JSON.stringify({ password: canary }) });
    const { version, reference } = JSON.parse(set.stdout);
    expect(reference).toBe("local://db");
    expect((await keyhold(["set", "local://db"], { input: "second\n" })).stdout).toMatch(/^local:\/\/db: stored as version /);

    const [list, listJson, versions, versionsJson, field, old, oldJson] = await Promise.all([
      keyhold(["list"]),
      keyhold(["list", "local://", "--json"]),
      keyhold(["versions", "db"]),
      keyhold(["versions", "db", "--json"]),
      keyhold(["get", `db?version=${version}#password`]),
      keyhold(["get", "db"]),
      keyhold(["get", "db", "--json"]),
    ]);
    expect(list.stdout).toMatch(/^NAME +VERSION +CHANGED\ndb +\S+ +\d+ seconds? ago\n$/);
    expect(JSON.parse(listJson.stdout)).toEqual([expect.objectContaining({ path: "db", reference: "local://db" })]);
    expect(versions.stdout.split("\n")).toHaveLength(4);
    expect(versions.stdout).toMatch(/^VERSION +STATE +CREATED\n/);
    expect(JSON.parse(versionsJson.stdout)[1]).toMatchObject({ version, state: "enabled" });
    for (const { stdout } of [list, listJson, versions, versionsJson]) expect(stdout).not.toContain(canary);
    expect(field.stdout).toBe(canary);
    expect(old.stdout).toBe("second");
    expect(JSON.parse(oldJson.stdout)).toMatchObject({ reference: "local://db", value: "second" });

    expect((await keyhold(["remove", "db"])).status).toBe(2);
    expect((await keyhold(["get", "db"])).stdout).toBe("second");
    expect((await keyhold(["remove", "--yes", "db"])).stdout).toBe("local://db: removed\n");
    expect((await keyhold(["get", "db"])).status).toBe(1);
  });

  it("set stores standard input exactly, without the one newline that a shell puts at its end", async () => {
    const { keyhold, seed } = createWorkspace();
    await seed();
    const inputs: Record<string, readonly [input: string | Uint8Array, expected: string | Uint8Array, ...options: string[]]> = {
      newline: ["a\n", "a"],
      windows: ["a\r\n", "a"],
      second: ["a\n\n", "a\n"],
      raw: ["a\n", "a\n", "--raw"],
      bytes: [Buffer.from([0, 255, 254, 10, 13]), Buffer.from([0, 255, 254, 10, 13])],
      mark: ["\uFEFFa", "\uFEFFa"],
      empty: ["", "", "--allow-empty"],
    };
    const check = async ([name, [input, expected, ...options]]: [string, (typeof inputs)[string]]) => {
      expect(await keyhold(["set", name, ...options], { input }), name).toMatchObject({ status: 0, stderr: "" });
      const got = await keyhold(["get", name]);
      expect(got.status, name).toBe(0);
      expect(got.bytes, name).toEqual(Buffer.from(expected));
    };
    await Promise.all(Object.entries(inputs).map(check));
  });

  it("get --json gives bytes that are no text as base64", async () => {
    const { keyhold, seed } = createWorkspace();
    await seed({ key: Buffer.from([0, 255]) });
    expect(JSON.parse((await keyhold(["get", "key", "--json"])).stdout)).toMatchObject({ valueBase64: "AP8=" });
  });

  it("set refuses an empty and a too large value, and what was there stays", async () => {
    const { keyhold, seed } = createWorkspace();
    await seed({ key: canary });
    for (const input of ["", "\n", Buffer.alloc(2 * 1024 * 1024, 97), Buffer.alloc(17 * 1024 * 1024, 97)]) {
      const refused = await keyhold(["set", "key"], { input });
      expect(refused).toMatchObject({ status: 1, stdout: "" });
      expect(refused.stderr).toContain("invalid-argument");
    }
    expect((await keyhold(["get", "key"])).stdout).toBe(canary);
  });

  it("a provider of named fields takes a JSON object, and get gives it as JSON", async () => {
    const { folder, keyhold } = createWorkspace();
    writeFileSync(
      path.join(folder, "keyhold.config.mts"),
      `import { readFileSync, writeFileSync } from "node:fs";
       const read = async () => ({ version: "1", content: { kind: "fields", fields: JSON.parse(readFileSync("fields.json", "utf8")) } });
       const write = async (_locator, content) => (writeFileSync("fields.json", JSON.stringify(content.fields)), { version: "1" });
       export default { providers: { local: { kind: "fields", features: { fields: true }, read, write } } };`,
    );
    expect((await keyhold(["set", "db"], { input: `{ "password": "${canary}" }` })).status).toBe(0);
    expect((await keyhold(["get", "db"])).stdout).toBe(`{"password":"${canary}"}`);
    expect((await keyhold(["get", "db#password"])).stdout).toBe(canary);
    const text = await keyhold(["set", "db"], { input: canary });
    expect(text.status).toBe(1);
    expect(text.stderr).not.toContain(canary);
  });
});
