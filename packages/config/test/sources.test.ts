import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { SecretsError } from "@keyhold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromEnvironment, fromFile, fromObject, loadConfig, type Source } from "../src/index.ts";
import { anySchema } from "./support/any-schema.ts";
import { memorySecrets } from "./support/memory-secrets.ts";
import { rejection } from "./support/rejection.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const runs = Number(process.env.KEYHOLD_RUNS ?? 200);

const load = (sources: readonly Source[], deployment?: string) =>
  loadConfig({ secrets: memorySecrets({}).secrets, sources, schema: anySchema, ...(deployment ? { deployment } : {}) });

async function refused(file: string, content: string | Uint8Array): Promise<SecretsError> {
  const inFolder = temporaryFolder({ [file]: content });
  return await rejection(load([fromFile(inFolder(file))]));
}

describe("sources together", () => {
  it("are laid over each other: maps key by key, anything else replaces", async () => {
    const config = await load([
      fromObject({ a: { x: 1, y: { deep: true } }, list: [1, 2], gone: { x: 1 }, skipped: undefined }),
      fromObject({ a: { x: 2, z: 3 }, list: [3], gone: null }),
    ]);
    expect(config).toEqual({ a: { x: 2, y: { deep: true }, z: 3 }, list: [3], gone: null });
  });

  it("give a frozen result with ordinary prototypes", async () => {
    const config = await load([fromObject({ a: { list: [{ b: 1 }] } })]);
    for (const part of [config, config.a, config.a.list, config.a.list[0]]) expect(Object.isFrozen(part)).toBe(true);
    expect(Object.getPrototypeOf(config.a)).toBe(Object.prototype);
  });

  it("tell everything that is wrong in them at once", async () => {
    const inFolder = temporaryFolder({ "a.yaml": "x: [", "b.json": "{" });
    const error = await rejection(
      load([fromFile(inFolder("a.yaml")), fromFile(inFolder("b.json")), fromFile(inFolder("c.yaml"))]),
    );
    expect(error.errors?.map((one) => one.code)).toEqual(["invalid-argument", "invalid-argument", "not-found"]);
    expect(error.message.split("\n")).toHaveLength(4);
  });
});

describe("fromObject", () => {
  it("refuses what JSON cannot hold, and cycles", async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const value of [() => 1, new Date(), 1n, Symbol("x"), new Map()]) {
      expect(await rejection(load([fromObject({ value })]))).toMatchObject({ code: "invalid-argument" });
    }
    expect((await rejection(load([fromObject(cyclic)]))).message).toContain("nested deeper than 64 levels");
    expect((await rejection(load([fromObject(["a"] as never)]))).message).toContain("takes an object");
  });

  it("refuses more than 100,000 values", async () => {
    const error = await rejection(load([fromObject({ list: new Array(100_001).fill(0) })]));
    expect(error.message).toContain("more than 100000 values");
  });
});

describe("a key that reaches prototypes", () => {
  const polluting = '{"a":{"__proto__":{"polluted":true}}}';

  it("is refused by every source, and pollutes nothing", async () => {
    const inFolder = temporaryFolder({ "a.json": polluting, "a.yaml": "__proto__:\n  polluted: true\n" });
    const sources = [
      fromObject(JSON.parse(polluting)),
      fromFile(inFolder("a.json")),
      fromFile(inFolder("a.yaml")),
      fromEnvironment({ prefix: "APP_", environment: { APP_A____PROTO____POLLUTED: "true" } }),
    ];
    for (const source of sources) expect((await rejection(load([source]))).code).toBe("invalid-argument");
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("is an ordinary key where it cannot do harm", async () => {
    const config = await load([fromObject(JSON.parse('{"constructor":{"prototype":{"x":1}},"toString":"y"}'))]);
    expect(Object.keys(config)).toEqual(["constructor", "toString"]);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe("fromEnvironment", () => {
  const environment = { APP_DATABASE__POOL_SIZE: "20", APP_OPENAI__API_KEY: "k", APP_EMPTY: "", OTHER: "x", APP_NOT: undefined };

  it("makes DATABASE__POOL_SIZE database.poolSize, below its prefix", async () => {
    expect(await load([fromEnvironment({ prefix: "APP_", environment })])).toEqual({
      database: { poolSize: "20" },
      openai: { apiKey: "k" },
      empty: "",
    });
  });

  it("reads the environment of the process when configuration is loaded", async () => {
    const source = fromEnvironment({ prefix: "KEYHOLD_CONFIG_TEST_" });
    process.env.KEYHOLD_CONFIG_TEST_SOME_VALUE = "1";
    try {
      expect(await load([source])).toEqual({ someValue: "1" });
    } finally {
      delete process.env.KEYHOLD_CONFIG_TEST_SOME_VALUE;
    }
  });

  it("refuses no prefix, names without a path, and two variables for one path", async () => {
    expect(() => fromEnvironment({ prefix: "" })).toThrow(/needs a prefix/);
    const bad: Record<string, string>[] = [
      { APP_: "x" },
      { APP_A____B: "x" },
      { APP_A: "1", APP_A__B: "2" },
      { APP_A__B: "2", APP_A: "1" },
      { APP_Ab: "1", APP_AB: "2" },
    ];
    for (const one of bad) {
      const error = await rejection(load([fromEnvironment({ prefix: "APP_", environment: one })]));
      expect(error.code).toBe("invalid-argument");
      expect(error.message).toMatch(/^\$APP_/);
    }
  });
});

describe("a YAML file", () => {
  it("is YAML 1.2 of the core schema", async () => {
    const inFolder = temporaryFolder({
      "config.yaml": "yes: no\noctal: 0o17\nday: 2024-01-01\n1: one\ntext: |\n  a\n  b\nempty:\n",
    });
    const config = await load([fromFile(inFolder("config.yaml"))]);
    expect(config).toEqual({ yes: "no", octal: 15, day: "2024-01-01", 1: "one", text: "a\nb\n", empty: null });
  });

  it("may be empty, may start with a byte order mark, and may be named by a URL", async () => {
    const inFolder = temporaryFolder({ "empty.yaml": "# nothing\n", "bom.yml": "\uFEFFa: 1\n" });
    expect(await load([fromFile(inFolder("empty.yaml"))])).toEqual({});
    expect(await load([fromFile(pathToFileURL(inFolder("bom.yml")))])).toEqual({ a: 1 });
  });

  it("shares what an alias names", async () => {
    const inFolder = temporaryFolder({ "a.yaml": "one: &one { x: [1, 2] }\ntwo: *one\nthree: [*one, *one]\n" });
    const one = { x: [1, 2] };
    expect(await load([fromFile(inFolder("a.yaml"))])).toEqual({ one, two: one, three: [one, one] });
  });

  it.each([
    ["is not well-formed", "a: 1\nb: [hunter2hunter2\nc: }", 3],
    ["has a key twice", "a: 1\nb: 2\na: 3", 3],
    ["has a tag that is not in the core schema", "a: 1\nb: !env SECRET", 2],
    ["has a merge key", "x: &x { a: 1 }\ny:\n  <<: *x", 3],
    ["has several documents", "a: 1\n---\nb: 2", 2],
    ["says that it is YAML 1.1", "%YAML 1.1\n---\na: yes", 1],
    ["has a key that is no text", "? [a]\n: 1", 1],
    ["has an alias without its anchor", "a: 1\nb: *nowhere", 2],
    ["has an alias that contains itself", "a: &a\n  b:\n    - *a", 3],
    ["has a number that JavaScript cannot hold", "a: 1\nid: 12345678901234567890", 2],
    ["is a list", "- 1\n- 2", 1],
  ])("is refused with its line when it %s", async (_what, content, line) => {
    const error = await refused("config.yaml", content);
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toMatch(new RegExp(`config\\.yaml:${line}: invalid-argument: `));
    expect(error.hint).toBeTruthy();
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });

  it("is refused when its aliases multiply", async () => {
    const levels = Array.from({ length: 20 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(9)}]`);
    const error = await refused("config.yaml", `a0: &a0 [x]\n${levels.join("\n")}\n`);
    expect(error.message).toContain("more than 100000 values");
  });

  it("is refused when aliases nest what is deep already", async () => {
    const levels = Array.from({ length: 20 }, (_, level) => `a${level + 1}: &a${level + 1} [[[[[[[[[[*a${level}]]]]]]]]]]`);
    const error = await refused("config.yaml", `a0: &a0 [x]\n${levels.join("\n")}\n`);
    expect(error.message).toContain("nested deeper than 64 levels");
  });

  it("is refused when it is enormous or deep", async () => {
    expect((await refused("a.yaml", `a: ${"x".repeat(1024 * 1024)}`)).message).toContain("larger than 1 MiB");
    expect((await refused("a.yaml", `a: ${"[".repeat(2_000)}${"]".repeat(2_000)}`)).message).toContain("nested");
    expect((await refused("a.yaml", `a: ${"[".repeat(70)}${"]".repeat(70)}`)).message).toContain("nested deeper");
  });
});

describe("a JSON file", () => {
  it("gives what JSON.parse gives, however it is laid out", async () => {
    const key = fc.string({ unit: "binary" }).filter((name) => name !== "__proto__");
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.constantFrom("&a", "*a", "# x", "- x", "<<", "null", "0x1f", "!tag"),
          fc.boolean(),
          fc.constant(null),
        ),
        fc
          .oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
          .map((number) => (Object.is(number, -0) ? 0 : number)),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    const layout = fc.constantFrom("", " ", "\t", "    ");
    // One file that is written again for each run.
    const inFolder = temporaryFolder();
    const { secrets } = memorySecrets({});
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true }), layout, async (document, indent) => {
        writeFileSync(inFolder("a.json"), JSON.stringify(document, undefined, indent));
        let input: unknown;
        const validate = (given: unknown) => {
          input = given;
          return { value: undefined };
        };
        await loadConfig({
          secrets,
          sources: [fromFile(inFolder("a.json"))],
          schema: { "~standard": { version: 1, vendor: "test", validate } },
        }).catch((error) => {
          // "${a://b}" and integers beyond 2^53 are refused on purpose.
          if (!/reference|no provider|larger than JavaScript/.test(error.message)) throw error;
          input = document;
        });
        expect(input).toEqual(JSON.parse(JSON.stringify(document).replaceAll("$${", "${")));
      }),
      { numRuns: runs },
    );
  }, 240_000);

  it.each([
    ["has a comment", '{\n  // x\n  "a": 1\n}'],
    ["has a trailing comma", '{ "a": 1, }'],
    ["is cut off", '{ "a": "hunter2hunter2'],
    ["has a bare word", "{ hunter2hunter2: 1 }"],
    ["is empty", ""],
  ])("is refused without its text when it %s", async (_what, content) => {
    const error = await refused("config.json", content);
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(error.message).toContain("not JSON");
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });

  it("is refused when it has a key twice", async () => {
    expect((await refused("config.json", '{\n"a": 1,\n"a": 2\n}')).message).toMatch(/config\.json:3: .*twice/);
  });
});

describe("a .env file", () => {
  it("gives variables as the environment does", async () => {
    const content = "# a comment with aws://x#y\nexport A__B_C=1 # why\nQUOTED='aws://x#y'\nLINES=\"one\ntwo # three\"\nEMPTY=\n";
    const inFolder = temporaryFolder({ ".env": content, "app.env": "APP_X=1\nY=2\n" });
    expect(await load([fromFile(inFolder(".env"))])).toEqual({
      a: { bC: "1" },
      quoted: "aws://x#y",
      lines: "one\ntwo # three",
      empty: "",
    });
    expect(await load([fromFile(inFolder("app.env"), { prefix: "APP_" })])).toEqual({ x: "1" });
  });

  it.each(["KEY=memory://db#password", "KEY = memory://db#password # comment", "export KEY=#ffffff", "KEY=hunter2#hunter2"])(
    "is refused where an unquoted # would cut a value off: %s",
    async (line) => {
      const error = await refused(".env", `A=1\n# KEY=x\n${line}\n`);
      expect(error.message).toMatch(/\.env:3: .*unquoted #/);
      expect(error.hint).toContain("Quote the value");
      expect(JSON.stringify(error)).not.toContain("hunter2");
    },
  );
});

describe("a file", () => {
  it("has overlays for a deployment, laid over it, each before the next source", async () => {
    const inFolder = temporaryFolder({
      "config.yaml": "a: 1\nb: 1\nc: 1\n",
      "config.production.yaml": "b: 2\nc: 2\n",
      "config.staging.yaml": "b: 9\n",
      ".env": "C=3\n",
      ".env.production": "D=4\n",
    });
    const sources = [fromFile(inFolder("config.yaml")), fromFile(inFolder(".env"))];
    expect(await load(sources)).toEqual({ a: 1, b: 1, c: "3" });
    expect(await load(sources, "production")).toEqual({ a: 1, b: 2, c: "3", d: "4" });
    expect(await load(sources, "other")).toEqual({ a: 1, b: 1, c: "3" });
  });

  it("is named as it was given in errors about its overlay", async () => {
    const inFolder = temporaryFolder({ "config.yaml": "a: 1\n", "config.production.yaml": "a: [" });
    const error = await rejection(load([fromFile(inFolder("config.yaml"))], "production"));
    expect(error.message).toContain(inFolder("config.production.yaml:1: "));
  });

  it("may be missing when it is optional, with or without an overlay", async () => {
    const inFolder = temporaryFolder({ "b.production.yaml": "b: 2\n" });
    const sources = [fromFile(inFolder("a.yaml"), { optional: true }), fromFile(inFolder("b.yaml"), { optional: true })];
    expect(await load(sources)).toEqual({});
    expect(await load(sources, "production")).toEqual({ b: 2 });
  });

  it("is not-found, permission-denied or refused when it cannot be read", async (context) => {
    const inFolder = temporaryFolder({ "in.yaml": "a: 1", "bad.yaml": Uint8Array.of(0x61, 0x3a, 0x20, 0xff) });
    mkdirSync(inFolder("folder.yaml"));
    const codeOf = async (name: string) => (await rejection(load([fromFile(inFolder(name))]))).code;
    expect(await codeOf("missing.yaml")).toBe("not-found");
    expect(await codeOf("in.yaml/below.yaml")).toBe("not-found");
    expect(await codeOf("folder.yaml")).toBe("invalid-argument");
    expect(await codeOf("bad.yaml")).toBe("decode");
    if (process.platform === "win32") return context.skip("Windows has no mkfifo");
    execFileSync("mkfifo", [inFolder("pipe.yaml")]);
    expect(await codeOf("pipe.yaml")).toBe("invalid-argument");
  });

  it("is permission-denied when its mode keeps this user out", async (context) => {
    if (process.platform === "win32") return context.skip("Windows has no such modes");
    const inFolder = temporaryFolder({ "in.yaml": "a: 1" });
    chmodSync(inFolder("in.yaml"), 0);
    const drop = process.getuid?.() === 0 && process.seteuid;
    if (drop) {
      // Root reads everything, so the check runs as nobody; the folder has to let it in.
      chmodSync(inFolder("."), 0o755);
      process.seteuid!(65534);
    }
    try {
      expect((await rejection(load([fromFile(inFolder("in.yaml"))]))).code).toBe("permission-denied");
    } finally {
      if (drop) process.seteuid!(0);
    }
  });

  it("of an unknown kind, or for a deployment that is no word, is refused", async () => {
    expect(() => fromFile("config.toml")).toThrow(/\.json, \.yaml/);
    const inFolder = temporaryFolder({ "a.yaml": "" });
    for (const deployment of ["../x", "a b", ".", "a/b"]) {
      expect((await rejection(load([fromFile(inFolder("a.yaml"))], deployment))).code).toBe("invalid-argument");
    }
  });
});
