import { inspect } from "node:util";
import { createSecrets, type SecretsError, secret } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { fromEnvironment, fromObject, type LiveConfig, loadConfig, type WatchConfigOptions, watchConfig } from "../src/index.ts";
import { memorySecrets } from "./support/memory-secrets.ts";
import { rejection } from "./support/rejection.ts";

const schema = z.object({
  openai: z.object({ apiKey: z.string().startsWith("sk-").transform(secret) }),
  database: z.object({ url: z.url().transform(secret), poolSize: z.coerce.number() }),
});
type Config = z.output<typeof schema>;

const object = {
  openai: { apiKey: "memory://openai#apiKey" },
  database: { url: `postgres://\${memory://db#username}:\${memory://db#password}@db/app`, poolSize: "20" },
};
const values = { openai: { apiKey: "sk-first" }, db: { username: "app", password: "p@ss-1" } };

async function watching(more: Partial<WatchConfigOptions<Config>> = {}) {
  const { secrets, reads } = memorySecrets(values);
  const errors: SecretsError[] = [];
  const live = await watchConfig({
    secrets,
    sources: [fromObject(object)],
    schema,
    onError: (error) => errors.push(error),
    ...more,
  });
  onTestFinished(() => live.close());
  return { secrets, reads, errors, live };
}

/** Waits until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error("it never came to be");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Timers go on by hand from here: what happens within some milliseconds does not hang on how busy the machine is. */
function timeByHand(): (ms: number) => Promise<void> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  return async (ms) => void (await vi.advanceTimersByTimeAsync(ms));
}

const passwordOf = (config: Config) => decodeURIComponent(new URL(config.database.url.text()).password);
const login = (number: number) => ({ username: `app-${number}`, password: `p@ss-${number}` });

describe("a live configuration", () => {
  it("starts as loadConfig's, from the same single batch", async () => {
    const { live, reads, secrets } = await watching();
    const once = await loadConfig({ secrets, sources: [fromObject(object)], schema });
    expect(live.current.openai.apiKey.equals(once.openai.apiKey)).toBe(true);
    expect(live.current.database.url.equals(once.database.url)).toBe(true);
    expect(reads).toEqual([["openai", "db"]]);
  });

  it("is the newest, and whole at every moment, when a secret rotates", async () => {
    const { live, secrets } = await watching();
    const before = live.current;
    const seen = new Set<string>();
    live.onChange((config) => void seen.add(new URL(config.database.url.text()).username + passwordOf(config)));
    for (let number = 2; number <= 6; number++) {
      await secrets.put("memory://db", login(number));
      await until(() => passwordOf(live.current) === `p@ss-${number}`);
      const { username } = new URL(live.current.database.url.text());
      expect(username).toBe(`app-${number}`);
    }
    // User and password are of one version, always.
    for (const pair of seen) expect(pair).toMatch(/^app-(\d)p@ss-\1$/);
    expect(passwordOf(before)).toBe("p@ss-1");
    expect(Object.isFrozen(live.current.database)).toBe(true);
    expect(live.current.openai.apiKey.version).toBe("1");
  });

  it("tells listeners of what they selected, with the value before, and only when it changed", async () => {
    const { live, secrets } = await watching();
    const calls: string[] = [];
    live.onChange(
      (config) => config.openai.apiKey,
      (key, previous) => calls.push(`key ${previous.text()} ${key.text()}`),
    );
    live.onChange(
      (config) => config.database,
      ({ poolSize }) => calls.push(`database ${poolSize}`),
    );
    live.onChange((config, previous) => calls.push(`any ${passwordOf(previous)} ${passwordOf(config)}`));
    await secrets.put("memory://openai", { apiKey: "sk-second", unrelated: 1 });
    await until(() => calls.length === 2);
    await secrets.put("memory://openai", { apiKey: "sk-second", unrelated: 2 });
    await secrets.put("memory://db", login(2));
    await until(() => calls.length === 4);
    expect(calls).toEqual(["key sk-first sk-second", "any p@ss-1 p@ss-1", "database 20", "any p@ss-1 p@ss-2"]);
  });

  it("makes one swap of changes that arrive together, or a few milliseconds apart", async () => {
    const { live, secrets } = await watching();
    const swaps: string[] = [];
    live.onChange((config) => swaps.push(config.openai.apiKey.text() + passwordOf(config)));
    const pass = timeByHand();
    await Promise.all([secrets.put("memory://openai", { apiKey: "sk-second" }), secrets.put("memory://db", login(2))]);
    await pass(100);
    await secrets.put("memory://openai", { apiKey: "sk-third" });
    await pass(5);
    await secrets.put("memory://db", login(3));
    await pass(100);
    expect(swaps).toEqual(["sk-secondp@ss-2", "sk-thirdp@ss-3"]);
  });

  it("does not swap in a version that is invalid, reports it without its value, and goes on", async () => {
    const { live, secrets, errors } = await watching();
    const swaps: string[] = [];
    live.onChange(
      (config) => config.openai.apiKey,
      (key) => swaps.push(key.text()),
    );
    await secrets.put("memory://openai", { apiKey: "hunter2hunter2" });
    await until(() => errors.length === 1);
    expect(live.current.openai.apiKey.text()).toBe("sk-first");
    expect(errors[0]?.message).toBe(
      "object openai.apiKey: invalid-argument: the fetched value does not fit the schema (invalid_format)",
    );
    expect(inspect(errors[0])).not.toContain("hunter2");
    await secrets.put("memory://openai", { other: "sk-lost" });
    await until(() => errors.length === 2);
    expect(errors[1]).toMatchObject({ code: "not-found", reference: "memory://openai#apiKey" });
    await secrets.put("memory://openai", { apiKey: "sk-third" });
    await until(() => swaps.length === 1);
    expect(swaps).toEqual(["sk-third"]);
  });

  it("keeps its value when the secret is removed", async () => {
    const { live, secrets } = await watching();
    await secrets.remove("memory://openai");
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(live.current.openai.apiKey.text()).toBe("sk-first");
  });

  it("warns the process of an invalid version where there is no onError", async () => {
    const { secrets } = memorySecrets(values);
    const live = await watchConfig({ secrets, sources: [fromObject(object)], schema });
    onTestFinished(() => live.close());
    const warning = new Promise<Error & { code?: string }>((resolve) => process.once("warning", resolve));
    await secrets.put("memory://openai", { apiKey: "hunter2hunter2" });
    expect(await warning).toMatchObject({ code: "KEYHOLD_CONFIG_REFUSED" });
    expect(inspect(await warning)).not.toContain("hunter2");
  });

  it("lets no listener delay or stop another, or itself be heard with what it threw", async () => {
    const { live, secrets, errors } = await watching();
    const heard: string[] = [];
    live.onChange(() => {
      throw new Error("hunter2hunter2");
    });
    live.onChange(
      (): string => {
        throw new Error("hunter2hunter2");
      },
      () => {},
    );
    live.onChange((async () => Promise.reject(new Error("hunter2hunter2"))) as () => void);
    live.onChange((() => new Promise(() => {})) as () => void);
    live.onChange((config) => heard.push(config.openai.apiKey.text()));
    await secrets.put("memory://openai", { apiKey: "sk-second" });
    await until(() => heard.length === 1);
    await secrets.put("memory://openai", { apiKey: "sk-third" });
    await until(() => heard.length === 2 && errors.length === 6);
    expect(heard).toEqual(["sk-second", "sk-third"]);
    for (const error of errors)
      expect(error).toMatchObject({ code: "unknown", message: "a listener of the configuration failed" });
    expect(inspect(errors)).not.toContain("hunter2");
  });

  it("survives an onError that throws", async () => {
    const { live, secrets } = await watching({
      onError() {
        throw new Error("no");
      },
    });
    await secrets.put("memory://openai", { apiKey: "refused" });
    await secrets.put("memory://db", login(2));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await secrets.put("memory://openai", { apiKey: "sk-second" });
    await until(() => live.current.openai.apiKey.text() === "sk-second" && passwordOf(live.current) === "p@ss-2");
  });

  it("takes the newest result when validation is slow and finishes out of order", async () => {
    const delays: Record<string, number> = { "sk-slow": 200, "sk-quick": 0, "sk-first": 0 };
    const slow = z.object({ key: z.string() }).transform(async ({ key }) => {
      await new Promise((resolve) => setTimeout(resolve, delays[key]));
      return { key: secret(key) };
    });
    const { secrets } = memorySecrets(values);
    const live = await watchConfig({ secrets, sources: [fromObject({ key: "memory://openai#apiKey" })], schema: slow });
    onTestFinished(() => live.close());
    const swaps: string[] = [];
    live.onChange((config) => swaps.push(config.key.text()));
    const pass = timeByHand();
    await secrets.put("memory://openai", { apiKey: "sk-slow" });
    await pass(80);
    await secrets.put("memory://openai", { apiKey: "sk-quick" });
    await pass(400);
    expect(swaps).toEqual(["sk-quick"]);
  });

  it("ends a listener where it is asked to, also from within", async () => {
    const { live, secrets } = await watching();
    let calls = 0;
    const end = live.onChange(() => {
      calls += 1;
      end();
    });
    for (const apiKey of ["sk-2", "sk-3"]) {
      await secrets.put("memory://openai", { apiKey });
      await until(() => live.current.openai.apiKey.text() === apiKey);
    }
    expect(calls).toBe(1);
  });
});

describe("the status of a live configuration", () => {
  it("tells path, place, references, versions and ages of every fetched field, and no value", async () => {
    const { secrets } = memorySecrets(values);
    const environment = { APP_GONE: "memory://gone?optional" };
    const sources = [fromObject(object), fromEnvironment({ prefix: "APP_", environment })];
    const live = await watchConfig({
      secrets,
      sources,
      schema: schema.extend({ gone: z.string().transform(secret).optional() }),
    });
    onTestFinished(() => live.close());
    const age = expect.any(Number);
    expect(live.status()).toEqual([
      { path: "openai.apiKey", source: "object", secrets: [{ reference: "memory://openai#apiKey", version: "1", ageMs: age }] },
      {
        path: "database.url",
        source: "object",
        secrets: [
          { reference: "memory://db#username", version: "1", ageMs: age },
          { reference: "memory://db#password", version: "1", ageMs: age },
        ],
      },
      { path: "gone", source: "$APP_GONE", secrets: [{ reference: "memory://gone", version: undefined }] },
    ]);
    expect(inspect(live.status(), { depth: 9 })).not.toMatch(/sk-first|p@ss/);
  });

  it("follows versions, also where the content stays, and counts ages from when the content came", async () => {
    const { live, secrets } = await watching();
    const key = () => live.status()[0]?.secrets[0] as { version: string; ageMs: number };
    await new Promise((resolve) => setTimeout(resolve, 60));
    await secrets.put("memory://openai", { apiKey: "sk-first" });
    await until(() => key().version === "2");
    expect(key().ageMs).toBeGreaterThanOrEqual(50);
    const before = performance.now();
    await secrets.put("memory://openai", { apiKey: "sk-second" });
    await until(() => key().version === "3");
    expect(key().ageMs).toBeLessThanOrEqual(performance.now() - before + 1);
  });

  it("tells when a leased secret lapses", async () => {
    const secrets = createSecrets({ providers: { memory: memory({ secrets: values, leaseMs: 60_000 }) } });
    const live = await watchConfig({ secrets, sources: [fromObject(object)], schema });
    onTestFinished(() => live.close());
    const lapses = live.status().map((field) => field.secrets[0]?.lapsesAt ?? 0);
    expect(lapses.every((at) => at > Date.now() && at <= Date.now() + 60_000)).toBe(true);
  });
});

describe("closing a live configuration", () => {
  it("ends handles, timers and listeners, keeps the last value, and may be repeated", async () => {
    const { live, secrets } = await watching();
    let calls = 0;
    live.onChange(() => calls++);
    await secrets.put("memory://openai", { apiKey: "sk-second" });
    await live.close();
    await live.close();
    live.onChange(() => calls++);
    await secrets.put("memory://openai", { apiKey: "sk-third" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls).toBe(0);
    expect(live.current.openai.apiKey.text()).toBe("sk-first");
    expect(live.status()).toHaveLength(2);
  });

  it("happens by itself at the end of a scope", async () => {
    const { secrets } = memorySecrets(values);
    let outside: LiveConfig<Config>;
    {
      await using live = await watchConfig({ secrets, sources: [fromObject(object)], schema });
      outside = live;
    }
    await secrets.put("memory://openai", { apiKey: "sk-second" });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(outside.current.openai.apiKey.text()).toBe("sk-first");
  });

  it("is not needed after a refusal: nothing is followed then", async () => {
    const { secrets, reads } = memorySecrets({ ...values, openai: { apiKey: "refused" } });
    const error = await rejection(watchConfig({ secrets, sources: [fromObject(object)], schema }));
    expect(error.code).toBe("invalid-argument");
    const before = reads.length;
    await secrets.put("memory://openai", { apiKey: "sk-second" });
    await new Promise((resolve) => setTimeout(resolve, 60));
    // A followed secret would have been read again.
    expect(reads.length).toBe(before);
  });

  it("may come after the client's own close", async () => {
    const { live, secrets } = await watching();
    await secrets.close();
    expect(live.current.openai.apiKey.text()).toBe("sk-first");
    expect(live.status()).toHaveLength(2);
    await live.close();
  });
});
