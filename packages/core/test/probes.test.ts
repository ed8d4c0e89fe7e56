import { createSecrets, type Provider, SecretsError, type SecretsEvent } from "@keyhold/core";
import { type ManualClock, manualClock, memory } from "@keyhold/testing";
import { expect, it } from "vitest";

interface Probed extends Provider {
  readonly probes: { readonly path: string; readonly at: number }[];
  readonly reads: string[];
  answer: (() => never) | undefined;
}

/** A backend that tells no changes itself, and counts who asks for its versions. */
function probed(clock: ManualClock, paths: readonly string[] = ["a"], probesPerSecond?: number): Probed {
  const {
    watch: _none,
    readMany: _neither,
    ...inner
  } = memory({ secrets: Object.fromEntries(paths.map((path) => [path, "1"])) });
  const provider: Probed = {
    ...inner,
    features: { ...inner.features, ...(probesPerSecond === undefined ? {} : { probesPerSecond }) },
    probes: [],
    reads: [],
    answer: undefined,
    async probe(locator, context) {
      provider.probes.push({ path: locator.path, at: clock.monotonic() });
      provider.answer?.();
      return inner.probe!(locator, context);
    },
    async read(locator, context) {
      provider.reads.push(locator.path);
      return inner.read(locator, context);
    },
  };
  return provider;
}

const pass = async (clock: ManualClock, seconds: number) => {
  for (let second = 0; second < seconds; second += 1) await clock.advance(1_000);
};

function start(clock: ManualClock, m: Provider, ttlMs = 10_000) {
  const events: SecretsEvent[] = [];
  const secrets = createSecrets({ providers: { m }, clock, cache: { ttlMs }, onEvent: (event) => events.push(event) });
  return { secrets, events, writer: createSecrets({ providers: { m } }) };
}

it("a followed secret has its version asked for and is read only when that is new", async () => {
  const clock = manualClock();
  const m = probed(clock);
  const { secrets, writer } = start(clock, m);
  const handle = await secrets.handle("m://a");
  await pass(clock, 60);
  expect(m.reads).toEqual(["a"]);
  expect(m.probes.length).toBeGreaterThanOrEqual(5);
  expect(m.probes.length).toBeLessThanOrEqual(9);
  await writer.put("m://a", "2");
  const since = clock.monotonic();
  for (let second = 0; second < 20 && handle.current.text() !== "2"; second += 1) await clock.advance(1_000);
  expect(clock.monotonic() - since).toBeLessThanOrEqual(10_000);
  expect([handle.current.text(), m.reads.length]).toEqual(["2", 2]);
  handle.close();
  const before = m.probes.length;
  await pass(clock, 30);
  expect([m.probes.length, clock.timers]).toEqual([before, 0]);
  await secrets.close();
});

it("a read that happens anyway takes the place of a question", async () => {
  const clock = manualClock();
  const m = probed(clock);
  const { secrets } = start(clock, m);
  await secrets.handle("m://a");
  for (let turn = 0; turn < 20; turn += 1) {
    await clock.advance(5_000);
    await secrets.refresh("m://a");
  }
  expect(m.probes).toEqual([]);
  await secrets.close();
});

it("a thousand handles that were opened together are asked about by one timer, spread out, and never faster than the backend bears", async () => {
  const clock = manualClock();
  const paths = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
  const m = probed(clock, paths, 20);
  const { secrets } = start(clock, m, 60_000);
  await Promise.all(paths.map((path) => secrets.handle(`m://${path}`)));
  expect(clock.timers).toBe(1);
  await pass(clock, 300);
  const perSecond = new Map<number, number>();
  for (const { at } of m.probes) perSecond.set(Math.floor(at / 1_000), (perSecond.get(Math.floor(at / 1_000)) ?? 0) + 1);
  expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(21);
  const asked = new Set(m.probes.map(({ path }) => path));
  expect(asked.size).toBe(1_000);
  expect(m.probes.length).toBeGreaterThan(3_000);
  await secrets.close();
  expect(clock.timers).toBe(0);
});

it("a backend that says that it is asked too much is left alone as long as it says", async () => {
  const clock = manualClock();
  const m = probed(clock, ["a", "b", "c"]);
  const { secrets, events } = start(clock, m, 1_000);
  for (const path of ["a", "b", "c"] as const) await secrets.handle(`m://${path}`);
  m.answer = () => {
    throw new SecretsError("rate-limited", "too many", { retryAfterMs: 20_000 });
  };
  await pass(clock, 60);
  expect(m.probes.length).toBeLessThanOrEqual(8);
  expect(events.some(({ type }) => type === "watch-failed")).toBe(true);
  m.answer = undefined;
  const before = m.probes.length;
  await pass(clock, 60);
  expect(m.probes.length - before).toBeGreaterThan(30);
  await secrets.close();
});

it("where the version may not be asked for, the secret is read instead", async () => {
  const clock = manualClock();
  const m = probed(clock);
  const { secrets, writer, events } = start(clock, m);
  const handle = await secrets.handle("m://a");
  m.answer = () => {
    throw new SecretsError("permission-denied", "no metadata for you");
  };
  await writer.put("m://a", "2");
  await pass(clock, 12);
  expect([handle.current.text(), m.probes.length]).toEqual(["2", 1]);
  await pass(clock, 60);
  expect(m.probes.length).toBe(1);
  expect(m.reads.length).toBeGreaterThan(4);
  expect(events.some(({ type }) => type === "watch-failed")).toBe(false);
  await secrets.close();
});

it("a secret that is removed is told once, and seen when it is back", async () => {
  const clock = manualClock();
  const m = probed(clock);
  const { secrets, writer, events } = start(clock, m);
  const handle = await secrets.handle("m://a");
  await writer.remove("m://a");
  await pass(clock, 60);
  expect(events.filter((event) => event.type === "changed")).toEqual([
    { type: "changed", reference: "m://a", version: undefined },
  ]);
  await writer.put("m://a", "2");
  await pass(clock, 12);
  expect(handle.current.text()).toBe("2");
  await secrets.close();
});
