import { createSecrets, type ReadStatus, SecretsError, type SecretsEvent } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const down = (failure: ConstructorParameters<typeof SecretsError>[0]) => () => Promise.reject(new SecretsError(failure, failure));

function client(options: { retry?: boolean; secrets?: Record<string, string> } = {}) {
  const [clock, m] = [manualClock(), counting({ secrets: options.secrets ?? { a: "1" } })];
  const events: SecretsEvent[] = [];
  const secrets = createSecrets({
    providers: { m },
    clock,
    random: () => 0.5,
    retry: options.retry ?? false,
    cache: { ttlMs: 1_000, maxStaleMs: 10_000 },
    onEvent: (event) => events.push(event),
  });
  return { clock, m, secrets, events };
}

describe("freshness", () => {
  it("reads ahead at 80 % while the held value is served, once however many ask", async () => {
    const { clock, m, secrets } = client();
    await secrets.get("m://a");
    await clock.advance(800);
    const status: ReadStatus = {};
    await secrets.get("m://a", { status });
    expect(status).toMatchObject({ outcome: "refreshed", ageMs: 800 });
    await Promise.all(Array.from({ length: 20 }, () => secrets.get("m://a")));
    await clock.advance(1);
    expect(m.reads).toHaveLength(2);
    await secrets.get("m://a", { status });
    expect(status).toMatchObject({ outcome: "hit", ageMs: 1 });
    expect(secrets.stats()).toMatchObject({ misses: 1, refreshes: 1, upstreamCalls: 2, entries: 1 });
  });

  it.each(["unavailable", "timeout", "rate-limited"] as const)(
    "serves what is held through %s until maxStaleMs, and then the error",
    async (failure) => {
      const { clock, m, secrets } = client();
      await secrets.get("m://a");
      m.answer = down(failure);
      await clock.advance(1_500);
      const status: ReadStatus = {};
      expect((await secrets.get("m://a", { status })).text()).toBe("1");
      expect(status).toMatchObject({ outcome: "stale", ageMs: 1_500 });
      await clock.advance(9_499);
      expect((await secrets.get("m://a")).text()).toBe("1");
      await clock.advance(1);
      await expect(secrets.get("m://a")).rejects.toMatchObject({ retryable: true });
      m.answer = undefined;
      await clock.advance(60_000);
      expect((await secrets.get("m://a")).text()).toBe("1");
    },
  );

  it.each(["not-found", "permission-denied", "unauthenticated"] as const)(
    "drops what is held at once after %s, and remembers the refusal for 5 s",
    async (failure) => {
      const { clock, m, secrets } = client();
      await secrets.get("m://a");
      m.answer = down(failure);
      await clock.advance(900);
      expect((await secrets.get("m://a")).text()).toBe("1");
      await clock.advance(0);
      const reads = m.reads.length;
      await expect(secrets.get("m://a")).rejects.toEqual(code(failure));
      await clock.advance(4_999);
      await expect(secrets.get("m://a")).rejects.toEqual(code(failure));
      expect(m.reads).toHaveLength(reads);
      await clock.advance(1);
      m.answer = down("unavailable");
      await expect(secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    },
  );

  it("does not ask a resting backend before each stale answer", async () => {
    const { clock, m, secrets } = client();
    await secrets.get("m://a");
    m.answer = down("unavailable");
    await clock.advance(1_000);
    for (let turn = 0; turn < 100; turn += 1) {
      await secrets.get("m://a");
      await clock.advance(10);
    }
    expect(m.reads.length).toBeLessThanOrEqual(4);
    expect(secrets.stats().stale).toBe(100);
  });

  it("asks a backend again within five minutes, however long it wants to be left alone", async () => {
    const { clock, m } = client();
    const secrets = createSecrets({ providers: { m }, clock, random: () => 0.5, retry: false });
    await secrets.get("m://a");
    m.answer = () => Promise.reject(new SecretsError("rate-limited", "later", { retryAfterMs: 86_400_000 }));
    await clock.advance(250_000);
    await secrets.get("m://a");
    m.answer = undefined;
    await clock.advance(299_000);
    await secrets.get("m://a");
    expect(m.reads).toHaveLength(2);
    await clock.advance(1_000);
    await secrets.get("m://a");
    expect(m.reads).toHaveLength(3);
  });

  it.each([0, 0.5, 1])(
    "serves in an outage for ttlMs and maxStaleMs together at least, wherever chance puts freshness's end: %d",
    async (chance) => {
      const [clock, m] = [manualClock(), counting({ secrets: { a: "1" } })];
      const open = (maxStaleMs: number) =>
        createSecrets({ providers: { m }, clock, random: () => chance, retry: false, cache: { ttlMs: 1_000, maxStaleMs } });
      const [patient, strict] = [open(10_000), open(0)];
      await Promise.all([patient.get("m://a"), strict.get("m://a")]);
      m.answer = down("unavailable");
      await clock.advance(900 + 200 * chance);
      await expect(strict.get("m://a")).rejects.toEqual(code("unavailable"));
      await clock.advance(10_099 - 200 * chance);
      expect((await patient.get("m://a")).text()).toBe("1");
      await clock.advance(101);
      await expect(patient.get("m://a")).rejects.toEqual(code("unavailable"));
    },
  );

  it("waits for nobody but the backend with fresh and maxAgeMs", async () => {
    const { clock, m, secrets } = client();
    await secrets.get("m://a");
    await clock.advance(100);
    await secrets.get("m://a", { maxAgeMs: 101 });
    expect(m.reads).toHaveLength(1);
    await secrets.get("m://a", { maxAgeMs: 100 });
    await secrets.get("m://a", { fresh: true });
    expect(m.reads).toHaveLength(3);
    m.answer = down("unavailable");
    await expect(secrets.get("m://a", { fresh: true })).rejects.toEqual(code("unavailable"));
    expect((await secrets.get("m://a")).text()).toBe("1");
  });

  it("takes another freshness for what lies under a prefix", async () => {
    const [clock, m] = [manualClock(), counting({ secrets: { "hot/a": "1", b: "2" } })];
    const secrets = createSecrets({
      providers: { m },
      clock,
      random: () => 0.5,
      cache: { overrides: { "m://hot/": { ttlMs: 10 } } },
    });
    await secrets.getMany(["m://hot/a", "m://b"]);
    await clock.advance(10);
    await secrets.getMany(["m://hot/a", "m://b"]);
    expect(m.reads).toEqual(["hot/a", "b", "hot/a"]);
  });

  it("is jittered, so that what was read together is not read again together", async () => {
    const names = Array.from({ length: 200 }, (_name, index) => `k${index}`);
    const [clock, m] = [manualClock(), counting({ secrets: Object.fromEntries(names.map((name) => [name, name])) })];
    const secrets = createSecrets({ providers: { m }, clock, cache: { ttlMs: 1_000 } });
    const references = names.map((name) => `m://${name}`);
    await secrets.getMany(references);
    await clock.advance(800);
    await secrets.getMany(references);
    await clock.advance(1);
    const again = m.reads.length - 200;
    expect(again).toBeGreaterThan(50);
    expect(again).toBeLessThan(150);
  });

  it.each(["unknown", "decode", "invalid-argument"] as const)(
    "does not read ahead again and again what fails as %s, and gives the error once it is no longer fresh",
    async (failure) => {
      const { clock, m, secrets } = client();
      await secrets.get("m://a");
      m.answer = down(failure);
      await clock.advance(800);
      for (let turn = 0; turn < 190; turn += 1) {
        expect((await secrets.get("m://a")).text()).toBe("1");
        await clock.advance(1);
      }
      expect(m.reads.length).toBeLessThanOrEqual(3);
      await clock.advance(10);
      await expect(secrets.get("m://a")).rejects.toEqual(code(failure));
    },
  );

  it("tells a failed read ahead as an event, without a value", async () => {
    const { clock, m, secrets, events } = client();
    await secrets.get("m://a");
    m.answer = down("unavailable");
    await clock.advance(800);
    await secrets.get("m://a");
    await clock.advance(1);
    expect(events.slice(1)).toEqual([{ type: "refresh-failed", reference: "m://a", error: code("unavailable") }]);
  });
});

describe("a read that was under way when the process was frozen", () => {
  /** Answers after 100 ms with what was there when it was asked. */
  function slow() {
    const [clock, m] = [manualClock(), counting({ secrets: { a: "before" } })];
    const { watch: _none, ...inner } = m;
    const provider: typeof inner = {
      ...inner,
      read: async (...call) => {
        const record = await m.read(...call);
        await new Promise<void>((resolve) => clock.setTimer(resolve, 100));
        return record;
      },
    };
    const secrets = createSecrets({ providers: { m: provider }, clock, random: () => 0.5 });
    const thaw = async () => {
      await createSecrets({ providers: { m } }).put("m://a", "after");
      clock.setWall(clock.now() + 3_600_000);
    };
    return { clock, m, secrets, thaw };
  }

  it("is not held as if it were new", async () => {
    const { clock, m, secrets, thaw } = slow();
    const early = secrets.get("m://a");
    await clock.advance(50);
    await thaw();
    await clock.advance(50);
    expect((await early).text()).toBe("before");
    const late = secrets.get("m://a");
    await clock.advance(100);
    expect((await late).text()).toBe("after");
    expect(m.reads).toHaveLength(2);
  });

  it("is not what a later caller waits for", async () => {
    const { clock, secrets, thaw } = slow();
    const early = secrets.get("m://a");
    await clock.advance(50);
    await thaw();
    const late = secrets.get("m://a");
    await clock.advance(200);
    expect([(await early).text(), (await late).text(), secrets.peek("m://a")?.text()]).toEqual(["before", "after", "after"]);
  });
});
