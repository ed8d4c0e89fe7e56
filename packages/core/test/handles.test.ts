import { setTimeout as sleep } from "node:timers/promises";
import { type Change, createSecrets, type Locator, type Provider, SecretsError, type SecretsEvent } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !condition(); turn += 1) await sleep(5);
  expect(condition()).toBe(true);
}

/** Tells how many watches are open. */
function watched(inner: Provider) {
  const provider = {
    ...inner,
    open: 0,
    async *watch(locator: Locator, context: Parameters<NonNullable<Provider["watch"]>>[1]): AsyncGenerator<Change> {
      provider.open += 1;
      try {
        yield* inner.watch!(locator, context);
      } finally {
        provider.open -= 1;
      }
    },
  };
  return provider;
}

describe("a handle that is opened", () => {
  it("while its secret is written gets the new value, though it read the old one", async () => {
    const { watch: _none, ...m } = counting({ secrets: { a: "old" } });
    const release: (() => void)[] = [];
    const slow: Provider = {
      ...m,
      read: async (...call) => {
        const record = await m.read(...call);
        if (release.length === 0) await new Promise<void>((resolve) => release.push(resolve));
        return record;
      },
    };
    const secrets = createSecrets({ providers: { m: slow } });
    const opening = secrets.handle("m://a");
    await until(() => release.length === 1);
    await secrets.put("m://a", "new");
    release[0]?.();
    const handle = await opening;
    await until(() => handle.current.text() === "new");
    await secrets.close();
  });

  it("when the client is closed in the same turn is refused, and follows nothing", async () => {
    const m = watched(memory({ secrets: { a: "1" } }));
    const secrets = createSecrets({ providers: { m } });
    await secrets.get("m://a");
    const opening = secrets.handle("m://a");
    await Promise.all([expect(opening).rejects.toMatchObject({ code: "closed" }), secrets.close()]);
    await sleep(5);
    expect(m.open).toBe(0);
  });

  it("on a field that is not there is refused with its whole reference, and follows nothing", async () => {
    const m = watched(memory({ secrets: { a: { x: 1 } } }));
    const secrets = createSecrets({ providers: { m } });
    await expect(secrets.handle("m://a#y")).rejects.toMatchObject({ code: "not-found", reference: "m://a#y" });
    await sleep(5);
    expect(m.open).toBe(0);
    await secrets.close();
  });
});

describe("a handle", () => {
  it("reads a change again until it has it, when the backend is down at the moment of the change", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    const events: SecretsEvent[] = [];
    const secrets = createSecrets({ providers: { m }, clock, retry: false, onEvent: (event) => events.push(event) });
    const handle = await secrets.handle("m://a");
    m.answer = () => Promise.reject(new SecretsError("unavailable", "down"));
    await createSecrets({ providers: { m } }).put("m://a", "2");
    await until(() => events.some((event) => event.type === "watch-failed"));
    m.answer = undefined;
    for (let second = 0; second < 120 && handle.current.text() !== "2"; second += 1) await clock.advance(1_000);
    expect(handle.current.text()).toBe("2");
    await secrets.close();
  });

  it("asks as often as its own key is fresh, and no more than once a second", async () => {
    const clock = manualClock();
    const { watch: _none, probe: _neither, ...m } = counting({ secrets: { "hot/a": "1", b: "2", "never/c": "3" } });
    const reads: string[] = [];
    const provider: Provider = {
      ...m,
      read: (locator, context) => {
        reads.push(locator.path);
        return m.read(locator, context);
      },
    };
    const overrides = { "m://hot/": { ttlMs: 10_000 }, "m://never/": { ttlMs: 0 } };
    const secrets = createSecrets({ providers: { m: provider }, clock, cache: { overrides } });
    for (const reference of ["m://hot/a", "m://b", "m://never/c"] as const) await secrets.handle(reference);
    reads.length = 0;
    for (let second = 0; second < 40; second += 1) await clock.advance(1_000);
    const count = (path: string) => reads.filter((read) => read === path).length;
    expect(count("hot/a")).toBeGreaterThanOrEqual(4);
    expect(count("hot/a")).toBeLessThanOrEqual(6);
    expect(count("b")).toBe(0);
    expect(count("never/c")).toBeGreaterThanOrEqual(20);
    expect(count("never/c")).toBeLessThanOrEqual(40);
    await secrets.close();
  });

  it("asks a backend that stays down less and less often", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    const secrets = createSecrets({ providers: { m }, clock, retry: false });
    await secrets.handle("m://a");
    m.answer = () => Promise.reject(new SecretsError("permission-denied", "no"));
    await createSecrets({ providers: { m } }).put("m://a", "2");
    for (let second = 0; second < 600; second += 1) await clock.advance(1_000);
    expect(m.reads.length).toBeGreaterThan(5);
    expect(m.reads.length).toBeLessThan(20);
    await secrets.close();
  });

  it("survives a listener, and a listener of events, whose promise rejects", async () => {
    const events: string[] = [];
    const secrets = createSecrets({
      providers: { m: memory({ secrets: { a: "1" } }) },
      onEvent: async (event) => {
        events.push(event.type);
        throw new Error("hunter2");
      },
    });
    const handle = await secrets.handle("m://a");
    handle.onChange(async () => {
      throw new Error("hunter2");
    });
    await secrets.put("m://a", "2");
    await until(() => events.includes("listener-failed"));
    await secrets.close();
  });
});

describe("use", () => {
  it("reads anew after a refusal, and not what was already under way before it", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    const release: (() => void)[] = [];
    const provider: Provider = {
      ...m,
      read: async (...call) => {
        const record = await m.read(...call);
        if (m.reads.length === 2) await new Promise<void>((resolve) => release.push(resolve));
        return record;
      },
    };
    const secrets = createSecrets({ providers: { m: provider }, clock, random: () => 0.5, cache: { ttlMs: 1_000 } });
    await secrets.get("m://a");
    await clock.advance(900);
    await secrets.get("m://a");
    await until(() => release.length === 1);
    await createSecrets({ providers: { m } }).put("m://a", "2");
    const used = secrets.use("m://a", (secret) => {
      if (secret.text() !== "2") throw Object.assign(new Error("refused"), { status: 401 });
      return secret.text();
    });
    await sleep(5);
    release[0]?.();
    expect(await used).toBe("2");
    await secrets.close();
  });
});
