import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createSecrets, SecretsError } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const hang = () => new Promise<never>(() => {});

describe("get", () => {
  it("reads once and then holds the value until its time to live has passed", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    const secrets = createSecrets({ providers: { m }, clock, random: () => 0.5, cache: { ttlMs: 1000 } });
    expect((await secrets.get("m://a")).text()).toBe("1");
    expect(await secrets.get("m://a")).toBe(await secrets.get("m://a"));
    await clock.advance(799);
    await secrets.get("m://a");
    expect(m.reads).toHaveLength(1);
    await clock.advance(201);
    await secrets.get("m://a");
    expect(m.reads).toHaveLength(2);
  });

  it("reads again when only the wall clock went on, as after a freeze", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    const secrets = createSecrets({ providers: { m }, clock, cache: { ttlMs: 1000 } });
    await secrets.get("m://a");
    clock.setWall(clock.now() + 5000);
    await secrets.get("m://a");
    expect(m.reads).toHaveLength(2);
  });

  it("makes one upstream call for a thousand callers, and shares its failure", async () => {
    const m = counting({ secrets: { a: "1" } });
    const secrets = createSecrets({ providers: { m } });
    await Promise.all(Array.from({ length: 1000 }, () => secrets.get("m://a")));
    expect(m.reads).toHaveLength(1);
    const failures = await Promise.allSettled(Array.from({ length: 1000 }, () => secrets.get("m://missing")));
    expect(failures.every((failure) => failure.status === "rejected" && failure.reason.code === "not-found")).toBe(true);
    expect(m.reads).toHaveLength(2);
  });

  it("holds the whole value once, however many fields are read, and versions apart", async () => {
    const m = counting({ secrets: { a: { x: "1", y: 2 } } });
    const secrets = createSecrets({ providers: { m } });
    const [x, y, all] = await secrets.getMany(["m://a#x", "m://a#y", "m://a"]);
    expect([x.text(), y.text(), all.json()]).toEqual(["1", "2", { x: "1", y: 2 }]);
    expect(await secrets.get("m://a#x")).toBe(x);
    expect(m.reads).toHaveLength(1);
    await secrets.get(`m://a?version=${all.version}`);
    expect(m.reads).toHaveLength(2);
  });

  it("gives undefined for an absent secret or field where that is optional, and still throws what else is wrong", async () => {
    const secrets = createSecrets({ providers: { m: counting({ secrets: { a: { x: 1 }, t: "text" } }) } });
    expect(await secrets.get("m://none", { optional: true })).toBeUndefined();
    expect(await secrets.get("m://a#none", { optional: true })).toBeUndefined();
    await expect(secrets.get("m://t#x", { optional: true })).rejects.toEqual(code("decode"));
    await expect(secrets.get("m://a#none")).rejects.toMatchObject({ code: "not-found", provider: "m", reference: "m://a#none" });
  });

  it("ends at its deadline, exactly, though the driver ignores its signal", async () => {
    const [clock, m] = [manualClock(), counting()];
    m.answer = hang;
    const secrets = createSecrets({ providers: { m }, clock });
    const results: string[] = [];
    secrets.get("m://a").catch((error) => results.push(`default ${error.code}`));
    secrets.get("m://a", { deadlineMs: 50 }).catch((error) => results.push(`short ${error.code}`));
    await clock.advance(49);
    expect(results).toEqual([]);
    await clock.advance(1);
    expect(results).toEqual(["short timeout"]);
    await clock.advance(9950);
    expect(results).toEqual(["short timeout", "default timeout"]);
  });

  it("ends one caller's wait by its abort and no other's, and aborts the driver when the last has gone", async () => {
    const m = counting();
    let release: (() => void) | undefined;
    let signal: AbortSignal | undefined;
    m.answer = (_locator, context) => {
      signal = context.signal;
      return new Promise((_resolve, reject) => {
        release = () => reject(new SecretsError("unavailable", "later"));
      });
    };
    const secrets = createSecrets({ providers: { m } });
    const [first, second] = [new AbortController(), new AbortController()];
    const one = secrets.get("m://a", { signal: first.signal });
    const two = secrets.get("m://a", { signal: second.signal });
    first.abort(new Error("hunter2"));
    await expect(one).rejects.toEqual(code("aborted"));
    expect(signal?.aborted).toBe(false);
    second.abort();
    await expect(two).rejects.toEqual(code("aborted"));
    expect(signal?.aborted).toBe(true);
    release?.();
    await expect(secrets.get("m://a", { signal: first.signal })).rejects.toEqual(code("aborted"));
    expect(m.reads).toHaveLength(1);
  });

  it("asks a driver nothing for a caller that left in the same turn, and leaves no rejection unhandled", async () => {
    const m = counting({ secrets: { a: "1" } });
    const secrets = createSecrets({ providers: { m } });
    const leaving = new AbortController();
    const got = secrets.get("m://a", { signal: leaving.signal });
    const put = secrets.put("m://a", "2", { signal: leaving.signal });
    leaving.abort();
    await expect(got).rejects.toEqual(code("aborted"));
    await expect(put).rejects.toEqual(code("aborted"));
    // An unhandled rejection fails the whole run.
    await new Promise((resolve) => setImmediate(resolve));
    expect(m.reads).toEqual([]);
    expect((await secrets.get("m://a")).text()).toBe("1");
  });

  it("names provider and reference in errors, and repeats no word of a driver's own exception", async () => {
    const m = counting();
    const secrets = createSecrets({ providers: { m } });
    m.answer = () => Promise.reject(Object.assign(new TypeError("hunter2"), { config: { headers: "hunter2" } }));
    const error = await secrets.get("m://a#x").catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "unknown", provider: "m", reference: "m://a#x" });
    expect(error.cause).toBeUndefined();
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain("hunter2");
    m.answer = () => Promise.resolve(null as never);
    await expect(secrets.get("m://b")).rejects.toEqual(code("unknown"));
  });

  it("refuses what it cannot read, before any call", async () => {
    const m = counting();
    const secrets = createSecrets({ providers: { m } });
    await expect(secrets.get("nope://a" as string)).rejects.toMatchObject({
      code: "invalid-argument",
      hint: expect.stringContaining("m"),
    });
    await expect(secrets.get("no reference" as string)).rejects.toEqual(code("invalid-argument"));
    await expect(secrets.get("m://a", { deadlineMs: Number.NaN })).rejects.toEqual(code("invalid-argument"));
    expect(() => createSecrets({ providers: { "a b": m } })).toThrow(/name/);
    expect(() => createSecrets({ providers: { m: {} as never } })).toThrow(/no provider/);
    expect(() => createSecrets({ providers: { m }, cache: { ttlMs: -1 } })).toThrow(/ttlMs/);
    expect(() => createSecrets({ providers: { m }, cache: { maxEntries: 2 ** 53 } })).toThrow(/maxEntries/);
    expect(m.reads).toEqual([]);
  });

  it("holds at most so many entries and bytes, and gives a value that is larger than the bound", async () => {
    const m = counting({ secrets: { big: "x".repeat(5000), a: "1", b: "2", c: "3" } });
    const secrets = createSecrets({ providers: { m }, cache: { maxEntries: 2, maxBytes: 1000 } });
    expect((await secrets.get("m://big")).text()).toHaveLength(5000);
    expect(secrets.peek("m://big")).toBeUndefined();
    for (const name of ["a", "b", "c"]) await secrets.get(`m://${name}`);
    expect(["a", "b", "c"].filter((name) => secrets.peek(`m://${name}`))).toEqual(["b", "c"]);
  });

  it("holds once what a backend knows by several spellings, and a write by one drops it for all", async () => {
    const m = { ...counting({ secrets: { login: "1" } }), canonicalPath: (path: string) => path.toLowerCase() };
    const secrets = createSecrets({ providers: { m } });
    expect(await secrets.get("m://Login")).toBe(await secrets.get("m://LOGIN"));
    await secrets.put("m://login", "2");
    expect((await secrets.get("m://LogIn")).text()).toBe("2");
  });

  it("keeps no pointer to what was evicted, dropped or refused", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const m = counting({ secrets: { a: { x: "1" }, b: "2", c: "3", d: "4" } });
    const secrets = createSecrets({ providers: { m }, cache: { maxEntries: 1 } });
    const gone = await (async () => {
      const held = [await secrets.get("m://a"), await secrets.get("m://a#x"), await secrets.get("m://b")];
      await secrets.get("m://b");
      await secrets.remove("m://b");
      held.push(await secrets.get("m://c"));
      await secrets.get("m://c");
      await secrets.get("m://d");
      return held.map((secret) => new WeakRef(secret));
    })();
    for (let turn = 0; turn < 20 && gone.some((secret) => secret.deref()); turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gc();
    }
    expect(gone.map((secret) => secret.deref())).toEqual([undefined, undefined, undefined, undefined]);
    expect((await secrets.get("m://d")).text()).toBe("4");
  });

  it("holds an empty value", async () => {
    const m = counting({ secrets: { empty: "" } });
    const secrets = createSecrets({ providers: { m } });
    expect((await secrets.get("m://empty")).text()).toBe("");
    await secrets.get("m://empty");
    expect(m.reads).toHaveLength(1);
  });
});

describe("getMany", () => {
  const secrets = () =>
    createSecrets({ providers: { m: counting({ secrets: { a: "1", b: "2" } }), n: counting({ secrets: { a: "3" } }) } });

  it("gives the shape that went in", async () => {
    const client = secrets();
    expect((await client.getMany(["m://b", "n://a", "m://a"])).map((secret) => secret.text())).toEqual(["2", "3", "1"]);
    const record = await client.getMany({ x: "m://a", y: "n://a" });
    expect([record.x.text(), record.y.text()]).toEqual(["1", "3"]);
    expect(await client.getMany([])).toEqual([]);
  });

  it("tells every failure in one error, or each in its place", async () => {
    const client = secrets();
    const wanted = ["m://a", "m://none", "n://none"] as const;
    const error: SecretsError = await client.getMany(wanted).catch((thrown) => thrown);
    expect(error.code).toBe("not-found");
    expect(error.errors?.map((one) => one.reference)).toEqual(["m://none", "n://none"]);
    expect(error.message).toContain("2 of 3 references failed");
    const settled = await client.getMany(wanted, { settle: true });
    expect(settled.map((one) => (one instanceof SecretsError ? one.code : one.text()))).toEqual(["1", "not-found", "not-found"]);
    expect(await client.getMany(["m://none"], { settle: true, optional: true })).toEqual([undefined]);
  });

  it("takes any record and any array as what they are", async () => {
    const client = secrets();
    const record = await client.getMany(JSON.parse('{"__proto__":"m://a","b":"m://b"}') as Record<string, string>);
    expect(Object.getOwnPropertyNames(record)).toEqual(["__proto__", "b"]);
    expect(Object.getOwnPropertyDescriptor(record, "__proto__")?.value.text()).toBe("1");
    const named: string[] = Object.assign(["m://a", "m://a"], { note: "not a reference" });
    expect(await client.getMany(named)).toHaveLength(2);
    const sparse: string[] = ["m://a"];
    sparse[2] = "m://b";
    const settled = await client.getMany(sparse, { settle: true });
    expect(settled).toHaveLength(3);
    expect(settled[1]).toMatchObject({ code: "invalid-argument" });
    for (const none of [undefined, null, "m://a"]) {
      await expect(client.getMany(none as never)).rejects.toEqual(code("invalid-argument"));
    }
  });

  it("leaves no rejection unhandled when a reference and an option are both wrong", async () => {
    await expect(secrets().getMany(["nothing" as string, "m://a"], { deadlineMs: Number.NaN })).rejects.toEqual(
      code("invalid-argument"),
    );
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("asks a driver that can read many once, for what is not held", async () => {
    const m = counting({ secrets: { a: "1", b: "2", c: "3" } });
    const batches: string[][] = [];
    const batched = {
      ...m,
      readMany: async (locators: readonly { path: string }[], context: never) => {
        batches.push(locators.map(({ path }) => path));
        return Promise.all(locators.map((locator) => m.read(locator, context).catch((error) => error)));
      },
    };
    const client = createSecrets({ providers: { m: batched } });
    await client.get("m://a");
    await client.getMany(["m://a", "m://b", "m://c", "m://b", "m://d"], { settle: true });
    expect(batches).toEqual([["b", "c", "d"]]);
  });
});

describe("peek and warm", () => {
  it("peek gives what is held, and warm reads without throwing", async () => {
    const m = counting({ secrets: { a: "1" } });
    const secrets = createSecrets({ providers: { m } });
    expect(secrets.peek("m://a")).toBeUndefined();
    secrets.warm(["m://a", "m://none"]);
    expect((await secrets.get("m://a")).text()).toBe("1");
    expect(secrets.peek("m://a")?.text()).toBe("1");
    expect(m.reads.filter((path) => path === "a")).toHaveLength(1);
  });
});
