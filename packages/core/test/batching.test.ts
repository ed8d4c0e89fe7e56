import { createSecrets, type ErrorCode, type Locator, type Provider, SecretsError } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";

const code = (expected: string) => expect.objectContaining({ code: expected });
const names = Array.from({ length: 40 }, (_name, index) => `k${index}`);
const references = names.map((name) => `m://${name}` as const);

/** Counts its calls, and is told how to answer a batch. */
function batching({ joinReads = false } = {}) {
  const inner = memory({ secrets: Object.fromEntries(names.map((name) => [name, name])) });
  const provider = {
    ...inner,
    features: { ...inner.features, joinReads },
    batches: [] as string[][],
    singles: [] as string[],
    refusal: undefined as SecretsError | undefined,
    hangs: false,
    aborted: 0,
    running: 0,
    most: 0,
    async read(locator, context) {
      provider.singles.push(locator.path);
      provider.running += 1;
      provider.most = Math.max(provider.most, provider.running);
      await new Promise((resolve) => setImmediate(resolve));
      provider.running -= 1;
      return inner.read(locator, context);
    },
    async readMany(locators: readonly Locator[], context) {
      provider.batches.push(locators.map(({ path }) => path));
      context.signal.addEventListener("abort", () => {
        provider.aborted += 1;
      });
      if (provider.hangs) await new Promise(() => {});
      if (provider.refusal) throw provider.refusal;
      return Promise.all(locators.map((locator) => inner.read(locator, context).catch((error: SecretsError) => error)));
    },
  } satisfies Provider & Record<string, unknown>;
  return provider;
}

describe("getMany", () => {
  it("makes one call to each provider for what is not held, each secret once", async () => {
    const [m, n] = [batching(), batching()];
    const secrets = createSecrets({ providers: { m, n } });
    await secrets.get("m://k0");
    const found = await secrets.getMany(["m://k0", "m://k1", "n://k1", "m://k2#", "m://k1", "m://k2", "n://k3"], {
      settle: true,
    });
    expect(found.map((one) => ("text" in one ? one.text() : one.code))).toEqual(["k0", "k1", "k1", "decode", "k1", "k2", "k3"]);
    expect([m.batches, n.batches, m.singles]).toEqual([[["k1", "k2"]], [["k1", "k3"]], ["k0"]]);
    expect(secrets.stats()).toMatchObject({ upstreamCalls: 3, hits: 1 });
  });

  it("reads one by one, so many at a time as is allowed, with { batch: false }", async () => {
    const m = batching();
    const secrets = createSecrets({ providers: { m }, batch: false, concurrency: 6 });
    const found = await secrets.getMany(references);
    expect(found.map((secret) => secret.text())).toEqual(names);
    expect([m.batches.length, m.singles.length, m.most]).toEqual([0, 40, 6]);
  });

  it.each([
    ["permission-denied", 600_000],
    ["unsupported", 600_000],
    ["rate-limited", 60_000],
  ] as const)(
    "reads one by one where the batch is %s as a whole, and remembers it for %i ms",
    async (failure: ErrorCode, forMs) => {
      const [clock, m] = [manualClock(), batching()];
      m.refusal = new SecretsError(failure, "the batch");
      const secrets = createSecrets({ providers: { m }, clock, concurrency: 6, cache: { ttlMs: 1 } });
      const all = async () => (await secrets.getMany(references, { fresh: true })).map((secret) => secret.text());
      expect(await all()).toEqual(names);
      expect(m.most).toBe(6);
      m.refusal = undefined;
      await clock.advance(forMs - 1);
      expect(await all()).toEqual(names);
      expect([m.batches.length, m.singles.length]).toEqual([1, 80]);
      await clock.advance(1);
      expect(await all()).toEqual(names);
      expect([m.batches.length, m.singles.length]).toEqual([2, 80]);
      await secrets.close();
    },
  );

  it.each(["unavailable", "not-found", "unauthenticated"] as const)(
    "does not read one by one where it is %s",
    async (failure) => {
      const m = batching();
      m.refusal = new SecretsError(failure, "the batch");
      const secrets = createSecrets({ providers: { m }, retry: false });
      await expect(secrets.getMany(["m://k0", "m://k1"])).rejects.toEqual(code(failure));
      expect([m.batches.length, m.singles.length]).toEqual([1, 0]);
    },
  );
});

describe("gets of one turn", () => {
  it("are one call where the provider says that this helps, and one each where it does not", async () => {
    for (const joinReads of [true, false]) {
      const m = batching({ joinReads });
      const secrets = createSecrets({ providers: { m } });
      const found = await Promise.all([...references, ...references].map((reference) => secrets.get(reference)));
      expect(found.map((secret) => secret.text())).toEqual([...names, ...names]);
      expect([m.batches, m.singles.length]).toEqual(joinReads ? [[names], 0] : [[], 40]);
      console.log(`40 gets in one turn: ${secrets.stats().upstreamCalls} calls, joinReads ${joinReads}`);
    }
    const m = batching({ joinReads: true });
    const alone = createSecrets({ providers: { m }, batch: false });
    await Promise.all(references.map((reference) => alone.get(reference)));
    expect(m.singles).toHaveLength(40);
  });

  it("are read as they come in different turns, and alone by read", async () => {
    const m = batching({ joinReads: true });
    const secrets = createSecrets({ providers: { m } });
    const first = secrets.get("m://k0");
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, secrets.get("m://k1")]);
    expect([m.batches, m.singles]).toEqual([[], ["k0", "k1"]]);
  });

  it("fail each for itself", async () => {
    const m = batching({ joinReads: true });
    const secrets = createSecrets({ providers: { m } });
    const [there, none] = await Promise.allSettled([secrets.get("m://k0"), secrets.get("m://none")]);
    expect(there.status).toBe("fulfilled");
    expect(none).toMatchObject({ reason: { code: "not-found", reference: "m://none" } });
  });

  it("end each by its own signal and deadline; the call is aborted with the last", async () => {
    const [clock, m] = [manualClock(), batching({ joinReads: true })];
    m.hangs = true;
    const secrets = createSecrets({ providers: { m }, clock, retry: false, deadlineMs: 1_000 });
    const leaving = new AbortController();
    const outcomes: string[] = [];
    const get = async (reference: "m://k0", options: { signal?: AbortSignal; deadlineMs?: number }) => {
      const outcome = await secrets.get(reference, options).catch((error: SecretsError) => error.code);
      outcomes.push(`${reference} ${String(outcome)} ${clock.monotonic()}`);
    };
    const all = [
      get("m://k0", { signal: leaving.signal }),
      get("m://k1" as "m://k0", { deadlineMs: 200 }),
      get("m://k2" as "m://k0", {}),
    ];
    await clock.advance(100);
    leaving.abort();
    await clock.advance(899);
    expect(m.aborted).toBe(0);
    await clock.advance(1);
    await Promise.all(all);
    expect(outcomes).toEqual(["m://k0 aborted 100", "m://k1 timeout 200", "m://k2 timeout 1000"]);
    expect([m.batches, m.aborted]).toEqual([[["k0", "k1", "k2"]], 1]);
  });
});
