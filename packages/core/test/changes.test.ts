import { setTimeout as sleep } from "node:timers/promises";
import { createSecrets, type Secret, SecretsError, type SecretsEvent } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const refused = Object.assign(new Error("refused"), { status: 401 });

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !condition(); turn += 1) await sleep(5);
  expect(condition()).toBe(true);
}

describe("put and remove", () => {
  it("drop what is held, of every version and field", async () => {
    const secrets = createSecrets({ providers: { m: memory({ secrets: { a: "1", "a/b": "x" } }) } });
    await secrets.getMany(["m://a", "m://a/b"]);
    const { version } = await secrets.put("m://a", "2");
    expect(secrets.peek("m://a")).toBeUndefined();
    expect(secrets.peek("m://a/b")?.text()).toBe("x");
    expect(await secrets.get("m://a")).toMatchObject({ version });
    await secrets.remove("m://a");
    await expect(secrets.get("m://a")).rejects.toEqual(code("not-found"));
  });

  it("never hold what a read under way brought from before the write", async () => {
    const m = counting({ secrets: { a: "old" } });
    const inner = m.read.bind(m);
    let release: () => void = () => {};
    const slow = {
      ...m,
      read: async (...call: Parameters<typeof inner>) => {
        const record = await inner(...call);
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return record;
      },
    };
    const secrets = createSecrets({ providers: { m: slow } });
    const early = secrets.get("m://a");
    await until(() => m.reads.length === 1);
    await secrets.put("m://a", "new");
    release();
    expect((await early).text()).toBe("old");
    expect(secrets.peek("m://a")).toBeUndefined();
  });

  it("take a string, bytes, an object and secrets inside it, and refuse what JSON would change", async () => {
    const secrets = createSecrets({ providers: { m: memory(), f: memory({ fields: true }) } });
    await secrets.put("m://s", Uint8Array.of(0xff));
    expect((await secrets.get("m://s")).bytes()).toEqual(Uint8Array.of(0xff));
    await secrets.put("m://o", { user: "u", password: await secrets.get("m://s").then(() => "p") });
    expect((await secrets.get("m://o#user")).text()).toBe("u");
    await secrets.put("f://o", { user: "u", nested: { a: [1] }, raw: Uint8Array.of(1) });
    expect((await secrets.get("f://o#/nested/a/0")).text()).toBe("1");
    await secrets.put("m://copy", { inner: await secrets.get("f://o#user") });
    expect((await secrets.get("m://copy#inner")).text()).toBe("u");
    for (const bad of [{ a: undefined }, { a: 1n }, { a: Number.NaN }, { a: new Date() }, { a: () => 1 }]) {
      await expect(secrets.put("m://bad", bad)).rejects.toEqual(code("invalid-argument"));
    }
    await expect(secrets.put("f://bad", "text")).rejects.toEqual(code("invalid-argument"));
    await expect(secrets.put("m://a#field", "x")).rejects.toEqual(code("invalid-argument"));
    await expect(secrets.put("m://a?version=1", "x")).rejects.toEqual(code("invalid-argument"));
  });

  it("compare and set", async () => {
    const secrets = createSecrets({ providers: { m: memory() } });
    const { version } = await secrets.put("m://a", "1", { ifVersion: null });
    await expect(secrets.put("m://a", "2", { ifVersion: null })).rejects.toEqual(code("conflict"));
    await secrets.put("m://a", "2", { ifVersion: version });
    await expect(secrets.remove("m://a", { ifVersion: version })).rejects.toEqual(code("conflict"));
  });

  it("say unsupported before any call", async () => {
    const { read, kind, features } = memory();
    const secrets = createSecrets({ providers: { m: { read, kind, features } } });
    await expect(secrets.put("m://a", "x")).rejects.toEqual(code("unsupported"));
    await expect(secrets.remove("m://a")).rejects.toEqual(code("unsupported"));
    await expect(Array.fromAsync(secrets.list("m://"))).rejects.toEqual(code("unsupported"));
  });
});

describe("list and versions", () => {
  it("follow the pages and never hold a value", async () => {
    const secrets = createSecrets({ providers: { m: memory({ pageSize: 2 }) } });
    for (let index = 0; index < 5; index += 1) await secrets.put(`m://p/${index}`, "canary");
    await secrets.put("m://q", "canary");
    const listed = await Array.fromAsync(secrets.list("m://p/"));
    expect(listed.map(({ reference }) => reference)).toEqual([0, 1, 2, 3, 4].map((index) => `m://p/${index}`));
    expect(await Array.fromAsync(secrets.list("m://"))).toHaveLength(6);
    for (let index = 0; index < 4; index += 1) await secrets.put("m://q", `canary ${index}`);
    const versions = await Array.fromAsync(secrets.versions("m://q"));
    expect(versions).toHaveLength(5);
    expect(JSON.stringify([listed, versions])).not.toContain("canary");
    await expect(Array.fromAsync(secrets.list("m://p#x"))).rejects.toEqual(code("invalid-argument"));
  });
});

describe("a handle", () => {
  it("follows the backend's own changes, and tells only those of its field's content", async () => {
    const m = memory({ secrets: { a: { key: "1", other: "x" } } });
    const writer = createSecrets({ providers: { m } });
    const secrets = createSecrets({ providers: { m } });
    const handle = await secrets.handle("m://a#key");
    const seen: string[] = [];
    handle.onChange((current, previous) => seen.push(`${previous.text()}>${current.text()}`));
    const { version } = await writer.put("m://a", { key: "1", other: "y" });
    await until(() => handle.version === version);
    expect(seen).toEqual([]);
    await writer.put("m://a", { key: "2", other: "y" });
    await until(() => handle.current.text() === "2");
    expect(seen).toEqual(["1>2"]);
    handle.close();
    handle.close();
    expect(() => handle.current).toThrow(expect.objectContaining({ code: "closed" }));
    await secrets.close();
  });

  it("polls where the backend tells no changes, and sees its own client's writes at once", async () => {
    const clock = manualClock();
    const { watch: _none, ...m } = memory({ secrets: { a: "1" } });
    const [secrets, writer] = [
      createSecrets({ providers: { m }, clock, cache: { ttlMs: 1000 } }),
      createSecrets({ providers: { m } }),
    ];
    const handle = await secrets.handle("m://a");
    await writer.put("m://a", "2");
    expect(handle.current.text()).toBe("1");
    await clock.advance(1000);
    await until(() => handle.current.text() === "2");
    await secrets.put("m://a", "3");
    await until(() => handle.current.text() === "3");
    await secrets.close();
  });

  it("is changed before any listener runs; a throwing listener stops no other", async () => {
    const events: SecretsEvent[] = [];
    const secrets = createSecrets({ providers: { m: memory({ secrets: { a: "1" } }) }, onEvent: (event) => events.push(event) });
    const [one, two] = [await secrets.handle("m://a"), await secrets.handle("m://a")];
    const seen: string[] = [];
    one.onChange(() => {
      seen.push(two.current.text());
      throw new Error("hunter2");
    });
    const remove = two.onChange(() => seen.push("removed listener"));
    two.onChange(() => seen.push("second"));
    remove();
    await secrets.put("m://a", "2");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["2", "second"]);
    expect(events.map((event) => event.type)).toContain("listener-failed");
    expect(JSON.stringify(events)).not.toContain("hunter2");
    await secrets.close();
  });

  it("keeps its value when the secret is removed, evicted or unreadable, and starts a broken watch again", async () => {
    const m = memory({ secrets: { a: "1", b: "x" } });
    const events: SecretsEvent[] = [];
    const clock = manualClock();
    let broken = 0;
    const flaky = {
      ...m,
      watch: (...call: Parameters<NonNullable<typeof m.watch>>) => {
        broken += 1;
        if (broken === 1) throw new SecretsError("unavailable", "the stream broke");
        return m.watch!(...call);
      },
    };
    const secrets = createSecrets({
      providers: { m: flaky },
      clock,
      cache: { maxEntries: 1 },
      onEvent: (event) => events.push(event),
    });
    const handle = await secrets.handle("m://a");
    await secrets.get("m://b");
    expect(handle.current.text()).toBe("1");
    await until(() => events.some((event) => event.type === "watch-failed"));
    await clock.advance(1000);
    await createSecrets({ providers: { m } }).put("m://a", "2");
    await until(() => handle.current.text() === "2");
    await createSecrets({ providers: { m } }).remove("m://a");
    await until(() => events.some((event) => event.type === "changed" && event.version === undefined));
    expect(handle.current.text()).toBe("2");
    await secrets.close();
  });

  it("is an async iterable by watch, which gives the newest and ends by its signal", async () => {
    const secrets = createSecrets({ providers: { m: memory({ secrets: { a: "1" } }) } });
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const secret of secrets.watch("m://a", { signal: ending.signal })) {
      seen.push(secret.text());
      if (seen.length === 3) ending.abort();
      else await secrets.put("m://a", `${seen.length + 1}`);
    }
    expect(seen).toEqual(["1", "2", "3"]);
    await secrets.close();
  });
});

describe("use", () => {
  const upstream = (accepts: () => string) => (secret: Secret) => {
    if (secret.text() !== accepts()) throw refused;
    return secret.text();
  };

  it("runs once more with the new secret after a refusal, with one forced read for two hundred callers", async () => {
    const m = counting({ secrets: { a: "1" } });
    const secrets = createSecrets({ providers: { m } });
    await secrets.get("m://a");
    await createSecrets({ providers: { m: { ...m, read: m.read } } }).put("m://a", "2");
    m.reads.length = 0;
    const results = await Promise.all(
      Array.from({ length: 200 }, () =>
        secrets.use(
          "m://a",
          upstream(() => "2"),
        ),
      ),
    );
    expect(new Set(results)).toEqual(new Set(["2"]));
    expect(m.reads).toHaveLength(1);
  });

  it("passes the error when the backend gives the same again, and forces no read of it for 5 s", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    const secrets = createSecrets({ providers: { m }, clock });
    for (let turn = 0; turn < 50; turn += 1) {
      await expect(
        secrets.use(
          "m://a",
          upstream(() => "2"),
        ),
      ).rejects.toBe(refused);
    }
    // A pending value is looked for once each time too, and whether it has become current meanwhile.
    expect(m.reads).toEqual(["a", "a", "a-keyhold-pending", "a"]);
    await clock.advance(5000);
    await expect(
      secrets.use(
        "m://a",
        upstream(() => "2"),
      ),
    ).rejects.toBe(refused);
    expect(m.reads.slice(4)).toEqual(["a", "a-keyhold-pending", "a"]);
  });

  it("runs once for any other error, and knows the usual refusals", async () => {
    const m = counting({ secrets: { a: "1" } });
    const secrets = createSecrets({ providers: { m } });
    await expect(secrets.use("m://a", () => Promise.reject(new Error("other")))).rejects.toThrow("other");
    expect(m.reads).toHaveLength(1);
    for (const [index, error] of [
      { code: "28P01" },
      { statusCode: 401 },
      { response: { status: 401 } },
      new Error("WRONGPASS invalid"),
    ].entries()) {
      await createSecrets({ providers: { m } }).put("m://a", `x${index}`);
      let runs = 0;
      await secrets.use("m://a", () => {
        runs += 1;
        if (runs === 1) throw error;
      });
      expect(runs).toBe(2);
    }
  });
});

describe("check", () => {
  it("asks one provider by its name, and says unsupported where there is nothing to ask", async () => {
    const report = { principal: "me" };
    const secrets = createSecrets({
      providers: { m: { ...memory(), check: async () => report }, n: { ...memory(), check: undefined } },
    });
    expect(await secrets.check("m")).toEqual(report);
    await expect(secrets.check("n")).rejects.toMatchObject({ code: "unsupported", provider: "n" });
  });
});

describe("close", () => {
  it("ends what is under way, refuses what comes later, and never rejects", async () => {
    const m = counting();
    m.answer = () => new Promise<never>(() => {});
    const events: SecretsEvent[] = [];
    const secrets = createSecrets({
      providers: { m: { ...m, read: m.read, close: () => Promise.reject(new Error("hunter2")) } },
      onEvent: (event) => events.push(event),
    });
    const pending = secrets.get("m://a");
    await Promise.all([secrets.close(), secrets.close(), secrets[Symbol.asyncDispose]()]);
    await expect(pending).rejects.toEqual(code("closed"));
    await expect(secrets.get("m://a")).rejects.toEqual(code("closed"));
    await expect(secrets.getMany(["m://a"])).rejects.toEqual(code("closed"));
    expect(() => secrets.peek("m://a")).toThrow(/closed/);
    expect(() => secrets.warm(["m://a"])).not.toThrow();
    expect(events.map((event) => event.type)).toEqual(["close-failed"]);
    expect(JSON.stringify(events)).not.toContain("hunter2");
  });

  it("ends by its deadline when a provider's own close hangs", async () => {
    const clock = manualClock();
    const secrets = createSecrets({
      providers: { m: { ...memory(), close: () => new Promise<void>(() => {}) } },
      clock,
      deadlineMs: 100,
    });
    let closed = false;
    const closing = secrets.close().then(() => {
      closed = true;
    });
    await clock.advance(99);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(closed).toBe(true);
  });

  it("leaves no timer of its own behind", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const secrets = createSecrets({ providers: { m: memory({ secrets: { a: "1" } }) } });
    await secrets.handle("m://a");
    await secrets.get("m://a");
    await secrets.close();
    await sleep(10);
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length).toBeLessThanOrEqual(before);
  });
});
