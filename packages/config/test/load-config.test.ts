import { inspect } from "node:util";
import { createSecrets, isSecret, type Secret, secret } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fromEnvironment, fromFile, fromObject, loadConfig } from "../src/index.ts";
import { anySchema } from "./support/any-schema.ts";
import { memorySecrets } from "./support/memory-secrets.ts";
import { rejection } from "./support/rejection.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const secretField = z.string().transform(secret);

describe("a service's configuration", () => {
  const yaml = `model: gpt-5
openai:
  apiKey: memory://prod/openai#apiKey
database:
  url: postgres://\${memory://database/app#username}:\${memory://database/app#password}@db/app
  poolSize: 20
`;
  const schema = z.object({
    model: z.string(),
    openai: z.object({ apiKey: z.string().startsWith("sk-").transform(secret) }),
    database: z.object({ url: z.url().transform(secret), poolSize: z.coerce.number().default(10) }),
  });
  const values = { "prod/openai": { apiKey: "sk-live-1" }, "database/app": { username: "app", password: "p@ss/w#1%41?" } };

  it("is typed and whole, and asks the backend once for each secret, in one batch", async () => {
    const inFolder = temporaryFolder({ "config.yaml": yaml });
    const { secrets, reads } = memorySecrets(values);
    const environment = { APP_DATABASE__POOL_SIZE: "30" };
    const sources = [fromFile(inFolder("config.yaml")), fromEnvironment({ prefix: "APP_", environment })];
    const config = await loadConfig({ secrets, sources, schema });
    expect(config.model).toBe("gpt-5");
    expect(config.openai.apiKey.text()).toBe("sk-live-1");
    expect(config.database.poolSize).toBe(30);
    const url = new URL(config.database.url.text());
    expect([decodeURIComponent(url.username), decodeURIComponent(url.password), url.host]).toEqual(["app", "p@ss/w#1%41?", "db"]);
    expect(reads).toEqual([["prod/openai", "database/app"]]);
  });

  it("prints placeholders, and its secrets have the backend's version", async () => {
    const inFolder = temporaryFolder({ "config.yaml": yaml });
    const { secrets } = memorySecrets(values);
    const config = await loadConfig({ secrets, sources: [fromFile(inFolder("config.yaml"))], schema });
    for (const text of [inspect(config), JSON.stringify(config)]) expect(text).not.toMatch(/sk-live|ss\/w/);
    expect(config.openai.apiKey.version).toBe("1");
    // Made of several values, so of no one version.
    expect(config.database.url.version).toBeUndefined();
  });
});

describe("a problem", () => {
  it("is told with all others at once: source, line, path, code and hint, never a value", async () => {
    const inFolder = temporaryFolder({
      "config.yaml": [
        "missing: memory://nowhere",
        "field: memory://openai#nothing",
        "malformed: memory://a?region=eu#b",
        `template: x-\${awz://openai}`,
        "shape: memory://openai#apiKey",
        "size: many",
        "literal: hunter2hunter2",
      ].join("\n"),
    });
    const { secrets } = memorySecrets({ openai: { apiKey: "live-1234567" } });
    const schema = z.object({
      missing: secretField,
      field: secretField,
      malformed: secretField,
      template: secretField,
      shape: z.string().startsWith("sk-").transform(secret),
      size: z.coerce.number(),
      literal: secretField,
      absent: z.string(),
    });
    const environment = { APP_LIMIT: "memory://nowhere" };
    const sources = [fromFile(inFolder("config.yaml")), fromEnvironment({ prefix: "APP_", environment })];
    const error = await rejection(loadConfig({ secrets, sources, schema: schema.extend({ limit: secretField }) }));
    const file = inFolder("config.yaml");
    expect(error.code).toBe("invalid-argument");
    expect(error.errors?.map((one) => one.message)).toEqual([
      `${file}:3 malformed: invalid-argument: malformed reference at position 11: an unknown parameter`,
      `${file}:4 template: invalid-argument: no provider is named awz`,
      `${file}:1 missing: not-found: there is no such secret or version`,
      `${file}:2 field: not-found: this secret has no such field`,
      "$APP_LIMIT limit: not-found: there is no such secret or version",
      `${file}:5 shape: invalid-argument: the fetched value does not fit the schema (invalid_format)`,
      `${file}:6 size: invalid-argument: Invalid input: expected number, received NaN`,
      `${file}:1 absent: invalid-argument: no source gives what the schema needs (invalid_type)`,
    ]);
    expect(error.errors?.find((one) => one.message.includes(" field:"))).toMatchObject({ reference: "memory://openai#nothing" });
    expect(error.errors?.find((one) => one.message.includes("awz"))?.hint).toContain("memory, other");
    for (const one of error.errors ?? []) expect(error.message).toContain(one.message);
    for (const text of [error.message, JSON.stringify(error), inspect(error)]) expect(text).not.toMatch(/live-1234567|hunter2/);
  });

  it("alone is the whole message, with its own code, hint and retryable", async () => {
    const { secrets } = memorySecrets({});
    const error = await rejection(loadConfig({ secrets, sources: [fromObject({ a: "memory://x" })], schema: anySchema }));
    expect(error).toMatchObject({
      code: "not-found",
      message: "object a: not-found: there is no such secret or version",
      retryable: false,
    });
    expect(error.hint).toBeTruthy();
    expect(error.errors).toHaveLength(1);
  });

  it("shows the schema's own words where only literals are concerned, without their text", async () => {
    const { secrets } = memorySecrets({ key: "sk-live-12345" });
    const sources = [fromObject({ key: "memory://key", name: "davinci-mistyped", size: 500, extra: 1 })];
    const schema = z.strictObject({ key: secretField, name: z.enum(["o3", "gpt"]), size: z.number().max(100) });
    const error = await rejection(loadConfig({ secrets, sources, schema }));
    expect(error.errors?.map((one) => one.message)).toEqual([
      'object name: invalid-argument: Invalid option: expected one of "o3"|"gpt"',
      "object size: invalid-argument: Too big: expected number to be <=100",
      "object (whole configuration): invalid-argument: unknown keys: extra (unrecognized_keys)",
    ]);
  });

  it("in a closed client is closed, and nothing else", async () => {
    const { secrets } = memorySecrets({ a: "x" });
    await secrets.close();
    for (const value of ["memory://a", "plain"]) {
      const load = loadConfig({ secrets, sources: [fromObject({ a: value, b: "x://y" })], schema: anySchema });
      expect((await rejection(load)).code).toBe("closed");
    }
  });

  it("of the schema itself, which throws, is told without what it threw", async () => {
    const { secrets } = memorySecrets({ a: "hunter2hunter2" });
    const schema = z.object({
      a: z.string().transform((text): string => {
        throw new Error(`cannot use ${text}`);
      }),
    });
    const error = await rejection(loadConfig({ secrets, sources: [fromObject({ a: "memory://a" })], schema }));
    expect(error.message).toContain("the schema threw");
    expect(inspect(error)).not.toContain("hunter2");
    expect(error.cause).toBeUndefined();
  });
});

describe("a fetched value", () => {
  const values = {
    db: { user: "application", port: 5432, ratio: 0.5, list: ["a-secret-1", "a-secret-2"], empty: "", none: null },
    text: "  spaced  ",
  };
  const load = (object: Record<string, unknown>, schema: Parameters<typeof loadConfig>[0]["schema"], more: object = {}) =>
    loadConfig<any>({ secrets: memorySecrets(values).secrets, sources: [fromObject(object)], schema, ...more });

  it("may come out as a secret, a number, a boolean, nothing, or containers of them", async () => {
    const config = await load(
      { port: "memory://db#port", list: "memory://db#/list", isSet: "memory://text", gone: "memory://text" },
      z.object({
        port: z.coerce.number(),
        list: z.string().transform((text) => (JSON.parse(text) as string[]).map(secret)),
        isSet: z.string().transform((text) => text.length > 0),
        gone: z.string().transform(() => null),
      }),
    );
    expect(config.port).toBe(5432);
    expect(config.list.map((one: Secret) => one.text())).toEqual(["a-secret-1", "a-secret-2"]);
    expect([config.isSet, config.gone]).toEqual([true, null]);
  });

  it("that comes out as plain text is refused, wherever it comes out", async () => {
    const refused = [
      z.object({ user: z.string() }),
      z.object({ user: z.string().transform((text) => ({ inner: [text] })) }),
      z.object({ user: z.string().transform((text) => text.length.toString()) }),
      z.object({ user: z.string().transform((text) => new Map([["x", text]])) }),
      z.object({ user: z.string().transform((text) => BigInt(text.length)) }),
      z.object({ user: z.string().transform((text) => () => text) }),
    ];
    for (const schema of refused) {
      const error = await rejection(load({ user: "memory://db#user" }, schema));
      expect(error.message).toMatch(/^object user(\.inner\.0)?: invalid-argument: a fetched value comes out as /);
      expect(inspect(error)).not.toContain("application");
    }
  });

  it("that comes out as a key below its path is refused, however short, and not shown in the path", async () => {
    const { secrets } = memorySecrets({ pin: "4711" });
    const schema = z.object({ pin: z.string().transform((text) => ({ [text]: text, [`x${text}`]: [1] })) });
    const error = await rejection(loadConfig({ secrets, sources: [fromObject({ pin: "memory://pin" })], schema }));
    expect(error.errors).toHaveLength(3);
    expect(inspect(error)).not.toContain("4711");
  });

  it("that a transform moves elsewhere is found in strings, keys, maps, sets, classes, bytes, URLs, errors and promises", async () => {
    class Holder {
      readonly inner: unknown;
      constructor(inner: unknown) {
        this.inner = inner;
      }
    }
    class Speaking {
      readonly #text: string;
      constructor(text: string) {
        this.#text = text;
      }
      toJSON() {
        return this.#text;
      }
    }
    const movers: readonly ((text: string) => unknown)[] = [
      (text) => `Bearer ${text}`,
      (text) => [{ deep: [text] }],
      (text) => ({ [text]: 1 }),
      (text) => ({ [Symbol(text)]: 1 }),
      (text) => new Map([["x", [text]]]),
      (text) => new Map([[text, 1]]),
      (text) => new Set([text]),
      (text) => new Holder({ x: text }),
      (text) => new Speaking(text),
      (text) => Buffer.from(`x${text}`),
      (text) => new TextEncoder().encode(text).buffer,
      (text) => new URL(`https://host/${text}`),
      (text) => new Error(text),
      (text) => new String(text),
      (text) => new RegExp(text),
      (text) => new Headers({ "x-key": text }),
      (text) => Promise.resolve(text),
      (text) => Object.defineProperty(new Holder(1), "hidden", { value: text }),
      (text) => Object.assign(() => 1, { text }),
      (text) => Symbol(text),
      (text) => ({
        get lazy() {
          return text;
        },
      }),
    ];
    for (const [index, move] of movers.entries()) {
      const schema = z.object({ user: z.string() }).transform(({ user }) => ({ user: secret(user), elsewhere: move(user) }));
      const error = await rejection(load({ user: "memory://db#user" }, schema)).catch(() =>
        expect.fail(`mover ${index} was not found`),
      );
      expect(error.message, String(move)).toContain("a fetched value comes out as ");
      expect(inspect(error)).not.toContain("application");
    }
  });

  it("is found too as a part of a fetched document, and percent-encoded", async () => {
    const parts = z
      .object({ all: z.string(), url: z.string() })
      .transform(({ all, url }) => ({ all: secret(all), url: secret(url), first: JSON.parse(all).list[0], path: url.slice(9) }));
    const object = { all: "memory://db#", url: `https://\${memory://text}` };
    const error = await rejection(load(object, parts));
    expect(error.errors?.map((one) => one.message.split(":")[0])).toEqual(["first"]);
    const spaced = z.object({ url: z.string() }).transform(({ url }) => ({ copy: url }));
    expect((await rejection(load({ url: object.url }, spaced))).message).toMatch(/copy: .*plain text/);
  });

  it("may come out as plain text where `plain` says so, also below, and nowhere else", async () => {
    const schema = z.object({ user: z.string(), servers: z.array(z.object({ name: z.string() })) });
    const object = { user: "memory://db#user", servers: [{ name: `x-\${memory://db#user}` }] };
    expect(await load(object, schema, { plain: ["user", "servers"] })).toEqual({
      user: "application",
      servers: [{ name: "x-application" }],
    });
    expect(await load(object, schema, { plain: ["user", "servers.0.name"] })).toMatchObject({ user: "application" });
    expect((await rejection(load(object, schema, { plain: ["user", "servers.1"] }))).message).toContain("servers.0.name");
    expect((await rejection(load(object, schema, { plain: ["use", "servers"] }))).message).toContain("object user:");
  });

  it("is no leak in a literal that the configuration itself holds", async () => {
    const schema = z.object({ user: secretField, name: z.string() });
    const config = await load({ user: "memory://db#user", name: "the application" }, schema);
    expect(config.name).toBe("the application");
  });

  it("that is empty is legal, and null has no text", async () => {
    const config = await load({ empty: "memory://db#empty" }, z.object({ empty: secretField }));
    expect(config.empty.text()).toBe("");
    const error = await rejection(load({ none: "memory://db#none" }, z.object({ none: secretField })));
    expect(error).toMatchObject({ code: "decode", reference: "memory://db#none" });
    expect(error.message).toContain("object none: decode: this field is null");
  });

  it("that moves as a secret keeps its version, and is the fetched one", async () => {
    const schema = z
      .object({ a: z.object({ key: secretField }) })
      .transform(({ a }) => ({ key: a.key, header: secret(`Bearer ${a.key.text()}`) }));
    const config = await load({ a: { key: "memory://db#user" } }, schema);
    expect(config.key.version).toBe("1");
    expect(config.header.text()).toBe("Bearer application");
  });

  it("stays what it is when a schema changes it", async () => {
    const config = await load({ text: "memory://text" }, z.object({ text: z.string().trim().transform(secret) }));
    expect(config.text.text()).toBe("spaced");
  });
});

describe("a secret that was never fetched", () => {
  const { secrets } = { secrets: () => memorySecrets({ key: "fetched-1" }).secrets };
  const schema = z.object({ key: secretField });
  const load = (sources: Parameters<typeof loadConfig>[0]["sources"], literals?: string[]) =>
    loadConfig({ secrets: secrets(), sources, schema, ...(literals ? { literals } : {}) });

  it("is refused: a literal, a misspelt provider, a default of the schema", async () => {
    const literal = await rejection(load([fromObject({ key: "hunter2hunter2" })]));
    expect(literal.message).toContain("object key: invalid-argument: this secret was never fetched");
    const misspelt = await rejection(load([fromObject({ key: "memori://key" })]));
    expect(misspelt.message).toContain("no provider has the name before ://");
    expect(misspelt.hint).toContain("memory, other");
    const withDefault = z.object({ key: z.string().default("hunter2hunter2").transform(secret) });
    const made = await rejection(loadConfig({ secrets: secrets(), sources: [], schema: withDefault }));
    for (const error of [literal, misspelt, made]) expect(inspect(error)).not.toMatch(/hunter2|memori:/);
  });

  it("may stand where `literals` says so", async () => {
    expect((await load([fromObject({ key: "hunter2" })], ["key"])).key.text()).toBe("hunter2");
    expect((await load([fromObject({ key: "https://hooks/x" })], ["key"])).key.text()).toBe("https://hooks/x");
  });

  it("may come from the environment, unless it looks like a misspelt reference", async () => {
    const environment = (value: string) => fromEnvironment({ prefix: "APP_", environment: { APP_KEY: value } });
    expect((await load([environment("hunter2")])).key.text()).toBe("hunter2");
    expect((await load([environment("postgres://u:p@host/db")])).key.text()).toBe("postgres://u:p@host/db");
    expect((await load([environment("memory://key")])).key.text()).toBe("fetched-1");
    expect((await rejection(load([environment("memori://key")]))).message).toMatch(/^\$APP_KEY key: /);
    expect((await load([environment("memori://key")], ["key"])).key.text()).toBe("memori://key");
  });

  it("may not come from a .env file, which is a file", async () => {
    const inFolder = temporaryFolder({ ".env": "KEY=hunter2" });
    expect((await rejection(load([fromFile(inFolder(".env"))]))).message).toContain("never fetched");
  });
});

describe("a default and an optional reference", () => {
  const { secrets } = { secrets: () => memorySecrets({ there: "value-1", doc: { a: 1 } }).secrets };
  const load = (
    object: Record<string, unknown>,
    schema: Parameters<typeof loadConfig>[0]["schema"] = anySchema,
    more: object = {},
  ) => loadConfig<any>({ secrets: secrets(), sources: [fromObject(object)], schema, ...more });

  it("stand in for a missing secret or field only", async () => {
    const schema = z.object({
      a: secretField,
      b: secretField,
      c: secretField.optional(),
      d: secretField.optional(),
      e: secretField,
    });
    const config = await load(
      {
        a: "memory://there?default=x",
        b: "memory://gone?default=a%20b%26%23",
        c: "memory://gone?optional",
        d: "memory://doc?optional#gone",
        e: `u-\${memory://doc?default=x#gone}`,
      },
      schema,
    );
    expect([config.a.text(), config.b.text(), config.c, config.d, config.e.text()]).toEqual([
      "value-1",
      "a b&#",
      undefined,
      undefined,
      "u-x",
    ]);
    expect("c" in config).toBe(false);
    expect([config.a.version, config.b.version]).toEqual(["1", undefined]);
  });

  it("do not hide any other failure", async () => {
    for (const a of ["memory://there?optional#x", "memory://there?default=x#x"]) {
      expect((await rejection(load({ a }))).code).toBe("decode");
    }
    const { secrets: closed } = memorySecrets({});
    await closed.close();
    const load2 = loadConfig({ secrets: closed, sources: [fromObject({ a: "memory://x?optional" })], schema: anySchema });
    expect((await rejection(load2)).code).toBe("closed");
  });

  it("keep the place of an optional element in a list", async () => {
    const schema = z.object({ list: z.array(secretField.optional()) });
    const { list } = await load({ list: ["memory://gone?optional", "memory://there"] }, schema);
    expect(list.map((one: Secret | undefined) => one?.text())).toEqual([undefined, "value-1"]);
  });

  it("are told when the schema needs a value", async () => {
    const error = await rejection(load({ a: "memory://gone?optional" }, z.object({ a: secretField })));
    expect(error.message).toContain("object a: invalid-argument: the optional reference was not found");
  });

  it("are as secret as what they stand for: no message repeats a default, and no plain output", async () => {
    const object = { a: "memory://gone?default=hunter2hunter2" };
    const schemas = [
      z.object({ a: z.string() }),
      z.object({ a: z.string().refine(() => false, { error: (issue) => `bad ${issue.input}` }) }),
      z
        .object({ a: z.string() })
        .superRefine(({ a }, context) => context.addIssue({ code: "custom", path: ["other"], message: a })),
    ];
    for (const schema of schemas) expect(inspect(await rejection(load(object, schema)))).not.toContain("hunter2");
  });
});

describe("a guard", () => {
  const guard = { production: ["memory://prod/"], staging: ["memory://staging/", "other://"] };
  const values = { "prod/a": "prod-value", "staging/a": "staging-value", a: "shared-value" };
  const load = (reference: string, deployment?: string, rules: Record<string, string[]> = guard) => {
    const sources = [fromObject({ key: reference, template: `x-\${${reference}}` })];
    const schema = z.object({ key: secretField, template: secretField });
    return loadConfig({
      secrets: memorySecrets(values).secrets,
      sources,
      schema,
      guard: rules,
      ...(deployment ? { deployment } : {}),
    });
  };

  it("lets a deployment use its own prefixes and no other", async () => {
    expect((await load("memory://prod/a", "production")).key.text()).toBe("prod-value");
    for (const reference of ["memory://staging/a", "memory://a", "other://prod/a", "memory://Prod/a"]) {
      const error = await rejection(load(reference, "production"));
      expect(error.code).toBe("permission-denied");
      expect(error.errors?.map((one) => one.reference)).toEqual([reference, reference]);
    }
  });

  it("keeps every other deployment away from them, however they are spelt", async () => {
    expect((await load("memory://a", "development")).key.text()).toBe("shared-value");
    for (const reference of ["memory://prod/a", "memory://pr%6Fd/a", "memory://PROD/a", "other://a"]) {
      expect((await rejection(load(reference, "development"))).code).toBe("permission-denied");
    }
  });

  it("is asked before anything is fetched", async () => {
    const { secrets, reads } = memorySecrets(values);
    const sources = [fromObject({ key: "memory://prod/a" })];
    await rejection(loadConfig({ secrets, sources, schema: anySchema, guard, deployment: "development" }));
    expect(reads).toEqual([]);
  });

  it("needs a deployment, and prefixes that are some", async () => {
    expect((await rejection(load("memory://a"))).message).toContain("a guard needs a deployment");
    for (const prefix of ["prod/", "memory:/prod", "memory://a#b", "memory://%zz", ""]) {
      const error = await rejection(load("memory://a", "development", { production: [prefix] }));
      expect(error).toMatchObject({ code: "invalid-argument", message: "a malformed prefix in guard" });
    }
  });

  it("with nothing for a deployment lets it use nothing", async () => {
    expect((await rejection(load("memory://a", "locked", { locked: [] }))).code).toBe("permission-denied");
  });
});

describe("a leased secret", () => {
  it("makes loadConfig warn, and name watchConfig", async () => {
    const providers = {
      leased: memory({ secrets: { a: "value-1" }, leaseMs: 60_000 }),
      memory: memory({ secrets: { b: "value-2" } }),
    };
    const warning = new Promise<Error & { code?: string; detail?: string }>((resolve) => process.once("warning", resolve));
    const sources = [fromObject({ a: "leased://a", b: "memory://b" })];
    const secrets = createSecrets({ providers });
    const config = await loadConfig({ secrets, sources, schema: z.object({ a: secretField, b: secretField }) });
    expect(isSecret(config.a)).toBe(true);
    expect(await warning).toMatchObject({ code: "KEYHOLD_LEASED_REFERENCE", message: expect.stringContaining("leased://a") });
    expect((await warning).message).not.toContain("memory://b");
    expect((await warning).detail).toContain("watchConfig");
  });
});
