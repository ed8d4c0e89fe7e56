import { createSecrets, type ReadStatus, SecretsError, type SecretsEvent } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { expect, it } from "vitest";
import { counting } from "./counting.ts";

it("tells each way of being served, by status, by events and by counts", async () => {
  const clock = manualClock();
  const m = counting({ secrets: { a: "1" } });
  const events: SecretsEvent[] = [];
  const secrets = createSecrets({
    providers: { m },
    clock,
    retry: false,
    random: () => 0.5,
    cache: { ttlMs: 1_000, maxStaleMs: 10_000 },
    onEvent: (event) => void events.push(event),
  });
  // One object for all: what an earlier call left in it does not stay.
  const status: ReadStatus = {};
  const get = async () => {
    await secrets.get("m://a", { status });
    return { ...status };
  };
  const slowly = (ms: number) => async () => {
    await new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    m.answer = undefined;
    throw new SecretsError("unavailable", "down");
  };

  expect(await get()).toEqual({ outcome: "miss", ageMs: 0, upstreamMs: 0 });
  await clock.advance(100);
  expect(await get()).toEqual({ outcome: "hit", ageMs: 100, upstreamMs: undefined });
  await clock.advance(750);
  expect(await get()).toEqual({ outcome: "refreshed", ageMs: 850, upstreamMs: undefined });
  await clock.advance(1_100);
  m.answer = slowly(70);
  const stale = get();
  await clock.advance(70);
  expect(await stale).toEqual({ outcome: "stale", ageMs: 1_170, upstreamMs: 70 });
  expect(await get()).toEqual({ outcome: "stale", ageMs: 1_170, upstreamMs: undefined });
  await clock.advance(2_000);
  expect(await get()).toEqual({ outcome: "miss", ageMs: 0, upstreamMs: 0 });

  const read = { type: "read", reference: "m://a", version: "1" };
  expect(events).toEqual([
    { ...read, outcome: "miss", upstreamMs: 0 },
    { ...read, outcome: "refreshed", upstreamMs: 0 },
    { type: "stale", reference: "m://a", ageMs: 1_170, error: expect.objectContaining({ code: "unavailable", provider: "m" }) },
    { ...read, outcome: "refreshed", upstreamMs: 0 },
  ]);
  expect(secrets.stats()).toMatchObject({
    hits: 2,
    misses: 2,
    stale: 2,
    snapshots: 0,
    refreshes: 1,
    upstreamCalls: 4,
    failures: 1,
    entries: 1,
  });
  await secrets.close();
});

it("tells one outage of one secret once, however many callers it serves", async () => {
  const clock = manualClock();
  const m = counting({ secrets: { a: "1" } });
  const events: string[] = [];
  const cache = { ttlMs: 1_000, maxStaleMs: 10_000 };
  const onEvent = ({ type }: SecretsEvent) => void events.push(type);
  const secrets = createSecrets({ providers: { m }, clock, retry: false, cache, onEvent });
  await secrets.get("m://a");
  await clock.advance(2_000);
  m.answer = () => Promise.reject(new SecretsError("unavailable", "down"));
  await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://a")));
  await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://a")));
  expect(events).toEqual(["read", "stale"]);
  expect(secrets.stats()).toMatchObject({ stale: 200, upstreamCalls: 2 });
  await secrets.close();
});
