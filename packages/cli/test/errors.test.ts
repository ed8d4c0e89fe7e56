import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { bin, createWorkspace } from "./support/keyhold.ts";

const canary = "hunter2-4f1c9a";
const nobody = 65_534;

describe.concurrent("bad input", () => {
  it("is a typed error with a hint, as text and as JSON, and never repeats a value", async () => {
    const { keyhold, seed } = createWorkspace();
    await seed({ db: JSON.stringify({ password: canary }), bytes: Uint8Array.of(255, 254) });
    const cases: readonly (readonly [code: string, ...words: string[]])[] = [
      ["invalid-argument", "get", "aws://prod/db"],
      ["invalid-argument", "get", `local://user:${canary}@db`],
      ["invalid-argument", "get", `local://db?token=${canary}`],
      ["invalid-argument", "get", `db ${canary}`],
      ["invalid-argument", "get", "local://"],
      ["not-found", "get", "nope"],
      ["not-found", "get", "db#nothing"],
      ["not-found", "get", "db?version=99"],
      ["decode", "get", "bytes#field"],
      ["unsupported", "get", "db?stage=current"],
      ["not-found", "versions", "nope"],
      ["not-found", "remove", "nope", "--yes"],
      ["invalid-argument", "remove", "db#password", "--yes"],
      ["unsupported", "remove", "env://HOME", "--yes"],
      ["unsupported", "versions", "env://HOME"],
      ["invalid-argument", "list", "nobody://"],
      ["invalid-argument", "set", "db#password"],
      ["invalid-argument", "set", "db?version=1"],
      ["unsupported", "set", "env://HOME"],
    ];
    await Promise.all(
      cases.map(async ([code, ...words]) => {
        const what = words.join(" ");
        const { status, stdout, stderr } = await keyhold(words, { input: canary });
        expect({ status, stdout }, what).toEqual({ status: 1, stdout: "" });
        // What a provider cannot do at all needs no hint.
        const hint = code === "unsupported" ? "(hint: .+\\n)?" : "hint: .+\\n";
        expect(stderr, what).toMatch(new RegExp(`^keyhold: ${code}: .+\\n${hint}$`));
        expect(stderr, what).not.toContain(canary);
      }),
    );
    const json = await keyhold(["get", "db?version=99", "--json"]);
    expect(json).toMatchObject({ status: 1, stdout: "" });
    expect(JSON.parse(json.stderr)).toEqual({
      error: {
        code: "not-found",
        message: expect.any(String),
        hint: expect.any(String),
        provider: "local",
        reference: "local://db?version=99",
        retryable: false,
      },
    });
    expect((await keyhold(["get", "db#password"])).stdout).toBe(canary);
  });

  it("on the command line is exit status 2, and what may be a value is not repeated", async () => {
    const { keyhold } = createWorkspace();
    const cases: readonly (readonly [expected: string, ...words: string[]])[] = [
      ["too many arguments", "set", "openai", canary],
      ["unknown option", "set", "openai", `--value=${canary}`],
      ["unknown option", "set", "openai", `--${canary}`],
      ["unknown option", "set", "openai", `-${canary}`],
      ["unknown command", canary],
      ["unknown command 'sett'\nhint: Did you mean set?", "sett"],
      ["missing required argument 'name'", "get"],
      ["argument missing", "get", "openai", "--config"],
      ["not one of the choices", "completion", canary],
      ["missing required argument 'command'", "run"],
    ];
    await Promise.all(
      cases.map(async ([expected, ...words]) => {
        const { status, stdout, stderr } = await keyhold(words);
        expect({ status, stdout }, words.join(" ")).toEqual({ status: 2, stdout: "" });
        expect(stderr).toContain(`keyhold: usage: `);
        expect(stderr).toContain(expected);
        expect(stderr).not.toContain(canary);
      }),
    );
    const json = await keyhold(["set", "openai", canary, "--json"]);
    expect(JSON.parse(json.stderr).error).toMatchObject({ code: "usage" });
    const none = await keyhold([]);
    expect(none).toMatchObject({ status: 2, stdout: "" });
    expect(none.stderr).toContain("Usage: keyhold");
  });

  it("a key that does not open the store changes nothing", async () => {
    const { folder, keyhold, seed } = createWorkspace();
    await seed({ db: canary });
    const store = path.join(folder, "keyhold.age");
    const before = readFileSync(store);
    const env = { XDG_CONFIG_HOME: path.join(folder, "other") };
    // Somebody else's identity; their init finds the store and leaves it.
    expect((await keyhold(["init"], { env })).stdout).toContain("was there");
    for (const words of [["get", "db"], ["set", "db"], ["list"], ["remove", "--yes", "db"]]) {
      const refused = await keyhold(words, { env, input: "other" });
      expect(refused).toMatchObject({ status: 1, stdout: "" });
      expect(refused.stderr).toMatch(/^keyhold: permission-denied: .+\nhint: .+age1.+\n$/);
    }
    expect(readFileSync(store)).toEqual(before);
    expect((await keyhold(["get", "db"])).stdout).toBe(canary);
  });

  it("a damaged store is said to be damaged, and stays as it is", async () => {
    const { folder, keyhold, seed } = createWorkspace();
    await seed();
    const store = path.join(folder, "keyhold.age");
    writeFileSync(store, readFileSync(store, "utf8").slice(0, -80));
    const before = readFileSync(store);
    const refused = await keyhold(["set", "db"], { input: canary });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^keyhold: decode: /);
    expect(readFileSync(store)).toEqual(before);
  });

  it("a folder that cannot be written is a typed error for init and set, and init goes on afterwards", async (context) => {
    if (process.getuid?.() !== 0) return context.skip("dropping to another user needs root");
    if (
      spawnSync(process.execPath, ["-e", `fs.readFileSync(${JSON.stringify(bin)})`], { uid: nobody, gid: nobody }).status !== 0
    ) {
      return context.skip("another user cannot read these sources");
    }
    const { folder, home, keyhold } = createWorkspace();
    chmodSync(folder, 0o755);
    mkdirSync(home, { mode: 0o777 });
    chmodSync(home, 0o777);
    const init = await keyhold(["init"], { uid: nobody });
    expect(init).toMatchObject({ status: 1, stdout: "" });
    expect(init.stderr).toMatch(/^keyhold: permission-denied: .+\nhint: .+\n$/);
    expect(readdirSync(folder)).toEqual(["home"]);

    chmodSync(folder, 0o777);
    expect((await keyhold(["init"], { uid: nobody })).status).toBe(0);
    expect((await keyhold(["set", "db"], { uid: nobody, input: canary })).status).toBe(0);
    chmodSync(folder, 0o755);
    const set = await keyhold(["set", "db"], { uid: nobody, input: "other" });
    expect(set).toMatchObject({ status: 1, stdout: "" });
    expect(set.stderr).toMatch(/^keyhold: (permission-denied|unavailable): .+\nhint: .+\n$/);
    expect((await keyhold(["get", "db"], { uid: nobody })).stdout).toBe(canary);
  });

  it("output that cannot be written is a failure, and a reader that has gone is none", async (context) => {
    const { folder, env, seed } = createWorkspace();
    await seed({ db: canary.repeat(10_000) });
    const inShell = (line: string) =>
      spawnSync("sh", ["-c", line, process.execPath, "--conditions=@keyhold/source", bin], {
        cwd: folder,
        env,
        encoding: "utf8",
      });
    expect(inShell('"$0" "$@" get db | true')).toMatchObject({ stderr: "" });
    if (process.platform !== "linux") return context.skip("/dev/full is on Linux only");
    const full = inShell('"$0" "$@" get db > /dev/full');
    expect(full.status).toBe(1);
    expect(full.stderr).toMatch(/^keyhold: unavailable: .*ENOSPC/);
  });
});
