import { createSecrets, type Locator, SecretsError } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

/** Fails so many times, then answers. */
function failing(times: number, error: SecretsError) {
  const { readMany: _one, ...inner } = memory({ secrets: { a: "1", b: "2" } });
  const provider = {
    ...inner,
    calls: 0,
    read: (...call: Parameters<typeof inner.read>) => {
      provider.calls += 1;
      return provider.calls <= times ? Promise.reject(error) : inner.read(...call);
    },
  };
  return provider;
}

describe("retry", () => {
  it("tries what may pass three times at the most, with a pause between", async () => {
    const [clock, m] = [manualClock(), failing(2, new SecretsError("unavailable", "down"))];
    const secrets = createSecrets({ providers: { m }, clock });
    const got = secrets.get("m://a");
    await clock.advance(2_000);
    expect((await got).text()).toBe("1");
    expect(m.calls).toBe(3);
    const always = failing(9, new SecretsError("unavailable", "down"));
    const other = createSecrets({ providers: { m: always }, clock });
    const lost = expect(other.get("m://a")).rejects.toEqual(code("unavailable"));
    await clock.advance(10_000);
    await lost;
    expect(always.calls).toBe(3);
  });

  it.each(["not-found", "permission-denied", "invalid-argument", "decode", "unknown"] as const)(
    "never tries %s again",
    async (failure) => {
      const m = failing(9, new SecretsError(failure, failure));
      await expect(createSecrets({ providers: { m } }).get("m://a")).rejects.toEqual(code(failure));
      expect(m.calls).toBe(1);
    },
  );

  it("waits as long as it was asked to, and gives up at once where that outlasts the deadline", async () => {
    const clock = manualClock();
    const m = failing(1, new SecretsError("rate-limited", "slow down", { retryAfterMs: 3_000 }));
    const got = createSecrets({ providers: { m }, clock }).get("m://a");
    await clock.advance(2_999);
    expect(m.calls).toBe(1);
    await clock.advance(1);
    await got;
    expect(m.calls).toBe(2);
    const long = failing(1, new SecretsError("rate-limited", "slow down", { retryAfterMs: 60_000 }));
    await expect(createSecrets({ providers: { m: long }, clock }).get("m://a")).rejects.toMatchObject({
      code: "rate-limited",
      retryAfterMs: 60_000,
    });
    expect(long.calls).toBe(1);
  });

  it("spends no more than the provider's budget", async () => {
    const clock = manualClock();
    const m = failing(Number.POSITIVE_INFINITY, new SecretsError("rate-limited", "slow down", { retryAfterMs: 100 }));
    const secrets = createSecrets({ providers: { m }, clock });
    // Four keys at once, so that the breaker has seen too little to open before the budget is spent.
    const all = Promise.allSettled(["a", "b", "c", "d"].map((name) => secrets.get(`m://${name}`)));
    await clock.advance(9_000);
    await all;
    expect(m.calls).toBeLessThanOrEqual(4 + 3);
  });

  it("tries only the failed items of a batch", async () => {
    const clock = manualClock();
    const inner = memory({ secrets: { a: "1", b: "2", c: "3" } });
    const batches: string[][] = [];
    const m = {
      ...inner,
      readMany: async (locators: readonly Locator[], context: never) => {
        batches.push(locators.map(({ path }) => path));
        const all = await Promise.all(locators.map((locator) => inner.read(locator, context)));
        return all.map((record, index) =>
          batches.length === 1 && index !== 1 ? new SecretsError("unavailable", "this one") : record,
        );
      },
    };
    const got = createSecrets({ providers: { m }, clock }).getMany(["m://a", "m://b", "m://c"]);
    await clock.advance(2_000);
    expect((await got).map((secret) => secret.text())).toEqual(["1", "2", "3"]);
    expect(batches).toEqual([
      ["a", "b", "c"],
      ["a", "c"],
    ]);
  });
});

describe("the circuit breaker", () => {
  it("leaves a dead backend alone after five failures, probes it one call at a time, and closes when it answers", async () => {
    const clock = manualClock();
    const m = counting({ secrets: Object.fromEntries(Array.from({ length: 200 }, (_s, index) => [`k${index}`, "v"])) });
    m.answer = () => Promise.reject(new SecretsError("unavailable", "down"));
    const secrets = createSecrets({ providers: { m }, clock, retry: false });
    for (let index = 0; index < 100; index += 1) await expect(secrets.get(`m://k${index}`)).rejects.toEqual(code("unavailable"));
    expect(m.reads).toHaveLength(5);
    await clock.advance(5_000);
    await Promise.allSettled(Array.from({ length: 20 }, (_k, index) => secrets.get(`m://k${100 + index}`)));
    expect(m.reads).toHaveLength(6);
    m.answer = undefined;
    await clock.advance(10_000);
    await secrets.get("m://k1");
    await secrets.get("m://k2");
    expect(m.reads).toHaveLength(8);
  });

  it("rests as long for many failures at once as for five", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
    m.answer = () => Promise.reject(new SecretsError("unavailable", "down"));
    const secrets = createSecrets({ providers: { m }, clock, retry: false });
    await Promise.allSettled(Array.from({ length: 30 }, (_k, index) => secrets.get(`m://k${index}`)));
    m.answer = undefined;
    await clock.advance(5_000);
    expect((await secrets.get("m://a")).text()).toBe("1");
  });

  it("is not closed by a probe whose caller left", async () => {
    const [clock, m] = [manualClock(), counting()];
    m.answer = () => Promise.reject(new SecretsError("unavailable", "down"));
    const secrets = createSecrets({ providers: { m }, clock, retry: false });
    for (let index = 0; index < 5; index += 1) await expect(secrets.get(`m://k${index}`)).rejects.toEqual(code("unavailable"));
    m.answer = () => new Promise<never>(() => {});
    await clock.advance(5_000);
    const leaving = new AbortController();
    const probe = secrets.get("m://probe", { signal: leaving.signal });
    await clock.advance(1);
    leaving.abort();
    await expect(probe).rejects.toEqual(code("aborted"));
    const reads = m.reads.length;
    const waiting = Array.from({ length: 10 }, (_k, index) => secrets.get(`m://later${index}`).catch((error) => error.code));
    await clock.advance(1);
    expect(m.reads.length - reads).toBe(1);
    await clock.advance(10_000);
    expect(await Promise.all(waiting)).toEqual(["timeout", ...Array(9).fill("unavailable")]);
  });

  it("is not opened by answers that say no", async () => {
    const m = counting();
    const secrets = createSecrets({ providers: { m } });
    for (let index = 0; index < 20; index += 1) await expect(secrets.get(`m://none${index}`)).rejects.toEqual(code("not-found"));
    expect(m.reads).toHaveLength(20);
  });

  it("learns from a driver that hangs and ignores its signal", async () => {
    const [clock, m] = [manualClock(), counting()];
    m.answer = () => new Promise<never>(() => {});
    const secrets = createSecrets({ providers: { m }, clock, deadlineMs: 100, retry: false });
    for (let index = 0; index < 10; index += 1) {
      const lost = expect(secrets.get(`m://k${index}`)).rejects.toMatchObject({ retryable: true });
      await clock.advance(100);
      await lost;
    }
    expect(m.reads).toHaveLength(5);
  });
});

describe("concurrency", () => {
  it("never has more in flight than configured, and reads everything", async () => {
    const names = Array.from({ length: 1_000 }, (_name, index) => `k${index}`);
    const { readMany: _one, ...inner } = memory({ secrets: Object.fromEntries(names.map((name) => [name, name])) });
    let [running, most] = [0, 0];
    const m = {
      ...inner,
      read: async (...call: Parameters<typeof inner.read>) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return inner.read(...call);
      },
    };
    const secrets = createSecrets({ providers: { m }, concurrency: 7 });
    const all = await secrets.getMany(names.map((name) => `m://${name}`));
    expect(all.map((secret) => secret.text())).toEqual(names);
    expect(most).toBe(7);
  });
});
