import {
  callContext,
  createSecrets,
  type ErrorCode,
  type SecretRecord,
  SecretsError,
  type SecretsEvent,
  type SnapshotChanges,
  type SnapshotRecord,
  type SnapshotStore,
} from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const dayMs = 86_400_000;
const down = (failure: ErrorCode) => () => Promise.reject(new SecretsError(failure, failure));
const hang = () => new Promise<never>(() => {});

/** A store in memory, which outlives the clients of a test as a file does. */
function mapStore(maxAgeMs = dayMs) {
  const kept = new Map<string, SnapshotRecord>();
  const store = {
    maxAgeMs,
    kept,
    changes: [] as SnapshotChanges[],
    reads: 0,
    fails: false,
    async read() {
      store.reads += 1;
      if (store.fails) throw new SecretsError("decode", "broken");
      return new Map(kept);
    },
    async change(changes: SnapshotChanges) {
      if (store.fails) throw new SecretsError("unavailable", "full");
      store.changes.push(changes);
      for (const path of changes.erased.keys())
        for (const key of [...kept.keys()]) if (key === path || key.startsWith(`${path}?`)) kept.delete(key);
      for (const [key, record] of changes.records) kept.set(key, record);
    },
  };
  return store satisfies SnapshotStore;
}

const clock = manualClock();

function client(snapshot: SnapshotStore | undefined, { deadlineMs = 1_000, leased = false } = {}) {
  // Without a watch, which would bring the news by itself.
  const m = Object.assign(counting({ secrets: { a: "1", b: "2" } }), { watch: undefined });
  const lease = { id: "l", durationMs: 1_000, renewable: false };
  const read = m.read;
  if (leased) m.read = async (...call): Promise<SecretRecord> => ({ ...(await read(...call)), lease });
  const events: SecretsEvent[] = [];
  const onEvent = (event: SecretsEvent) => void events.push(event);
  const secrets = createSecrets({ providers: { m }, clock, retry: false, snapshot, deadlineMs, onEvent });
  return { m, secrets, events };
}

/** A process that reads both, and ends. */
async function earlier(store: SnapshotStore): Promise<void> {
  const { secrets } = client(store);
  await secrets.getMany(["m://a", "m://b"]);
  await secrets.close();
}

/** A process that starts while its backend fails. */
function starting(store: SnapshotStore | undefined, failure: ErrorCode = "unavailable", options = {}) {
  const started = client(store, options);
  started.m.answer = down(failure);
  return started;
}

describe("a start while the backend is down", () => {
  it.each(["unavailable", "timeout", "rate-limited"] as const)(
    "is served from the snapshot on %s, and told so",
    async (failure) => {
      const store = mapStore();
      await earlier(store);
      await clock.advance(60_000);
      const { secrets, events } = starting(store, failure);
      const status = {};
      expect((await secrets.get("m://a", { status })).text()).toBe("1");
      expect(status).toMatchObject({ outcome: "snapshot", ageMs: 60_000, upstreamMs: 0 });
      expect(events).toEqual([{ type: "snapshot-used", reference: "m://a", ageMs: 60_000, error: code(failure) }]);
      expect(secrets.stats()).toMatchObject({ snapshots: 1, stale: 0, misses: 0, entries: 1 });
      await secrets.close();
    },
  );

  it("fails with the provider's error without the option, and on any answer that says no", async () => {
    const store = mapStore();
    await earlier(store);
    await expect(starting(undefined).secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    for (const failure of ["invalid-argument", "decode", "unknown", "unsupported"] as const)
      await expect(starting(store, failure).secrets.get("m://a")).rejects.toEqual(code(failure));
    expect(store.kept.size).toBe(2);
  });

  it("serves fields, handles and many at once, asks again after a while, and takes over what it then gets", async () => {
    const store = mapStore();
    await earlier(store);
    const { m, secrets, events } = starting(store);
    const [a, b] = await secrets.getMany(["m://a", "m://b"]);
    expect([a.text(), b.text(), store.reads]).toEqual(["1", "2", 1]);
    const handle = await secrets.handle("m://a");
    await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://a")));
    expect(secrets.peek("m://a")?.text()).toBe("1");
    expect(m.reads).toHaveLength(2);
    const status = {};
    await secrets.get("m://a", { status });
    expect(status).toMatchObject({ outcome: "snapshot", upstreamMs: undefined });
    m.answer = undefined;
    await m.write!({ path: "a" }, { kind: "opaque", value: "new" }, {}, callContext());
    await clock.advance(2_000);
    expect((await secrets.get("m://a", { status })).text()).toBe("new");
    expect(status).toMatchObject({ outcome: "miss", ageMs: 0 });
    expect(handle.current.text()).toBe("new");
    expect(events.map(({ type }) => type)).toContain("read");
    await secrets.close();
    expect(store.kept.get("m://a")?.content).toEqual({ kind: "opaque", value: "new" });
  });

  it("keeps within the deadline of the call when the backend hangs, by opening the snapshot ahead of it", async () => {
    const store = mapStore();
    await earlier(store);
    const { m, secrets, events } = client(store, { deadlineMs: 1_000 });
    m.answer = hang;
    const startedAt = clock.monotonic();
    const got = secrets.get("m://a").then((secret) => [secret.text(), clock.monotonic() - startedAt]);
    await clock.advance(499);
    expect(store.reads).toBe(0);
    await clock.advance(1);
    expect(store.reads).toBe(1);
    await clock.advance(5_000);
    expect(await got).toEqual(["1", 1_000]);
    expect(events.map(({ type }) => type)).toEqual(["snapshot-used"]);
    await secrets.close();
  });

  it("does not open the snapshot while the backend answers, nor for what is held", async () => {
    const store = mapStore();
    await earlier(store);
    const { secrets } = client(store);
    for (let turn = 0; turn < 10; turn += 1) await secrets.get("m://a");
    await clock.advance(30_000);
    expect(store.reads).toBe(0);
    await secrets.close();
  });

  it("brings one value for ten thousand callers", async () => {
    const store = mapStore();
    await earlier(store);
    const { secrets, events } = starting(store);
    const all = await Promise.all(Array.from({ length: 10_000 }, () => secrets.get("m://a")));
    expect([new Set(all).size, store.reads, events.length]).toEqual([1, 1, 1]);
    await secrets.close();
  });

  it("gives nothing older than the snapshot's limit, also of what it gave before", async () => {
    const store = mapStore(10_000);
    await earlier(store);
    await clock.advance(9_000);
    const { secrets } = starting(store);
    expect((await secrets.get("m://a")).text()).toBe("1");
    await clock.advance(1_000);
    await expect(secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    await expect(starting(store).secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    await secrets.close();
  });

  it("gives nothing of an unknown age: from before the wall clock was set back", async () => {
    const store = mapStore();
    await earlier(store);
    clock.setWall(clock.now() - 3_600_000);
    await expect(starting(store).secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    clock.setWall(clock.now() + 3_600_000);
  });

  it("gives nothing to a caller who wants it fresh, or younger", async () => {
    const store = mapStore();
    await earlier(store);
    await clock.advance(5_000);
    const { secrets } = starting(store);
    await expect(secrets.get("m://a", { fresh: true })).rejects.toEqual(code("unavailable"));
    await expect(secrets.refresh("m://a")).rejects.toEqual(code("unavailable"));
    await expect(secrets.get("m://a", { maxAgeMs: 5_000 })).rejects.toEqual(code("unavailable"));
    await secrets.close();
  });
});

describe("what is kept", () => {
  it("is no leased value, and is written behind the reads: once a second for news, once a minute for what is the same", async () => {
    const leased = mapStore();
    const { secrets: lessee } = client(leased, { leased: true });
    await lessee.get("m://a");
    await lessee.close();
    expect(leased.kept.size).toBe(0);
    const store = mapStore();
    const { secrets } = client(store);
    await secrets.get("m://a");
    await secrets.get("m://b");
    expect(store.changes).toHaveLength(0);
    await clock.advance(1_000);
    expect(store.changes.map(({ records }) => [...records.keys()])).toEqual([["m://a", "m://b"]]);
    await secrets.refresh("m://a");
    await clock.advance(59_000);
    expect(store.changes).toHaveLength(1);
    await clock.advance(1_000);
    expect(store.changes).toHaveLength(2);
    await secrets.close();
  });

  it.each(["not-found", "permission-denied", "unauthenticated"] as const)(
    "is gone after %s, at once for this process and within a second for others",
    async (failure) => {
      const store = mapStore();
      await earlier(store);
      const { m, secrets } = starting(store, failure);
      await expect(secrets.get("m://a")).rejects.toEqual(code(failure));
      m.answer = down("unavailable");
      await expect(secrets.get("m://a", { fresh: true })).rejects.toEqual(code("unavailable"));
      await expect(secrets.get("m://a", { deadlineMs: 50 })).rejects.toBeInstanceOf(SecretsError);
      await clock.advance(1_000);
      expect([...store.kept.keys()]).toEqual(["m://b"]);
      await clock.advance(5_000);
      await expect(secrets.get("m://a")).rejects.toEqual(code("unavailable"));
      await secrets.close();
    },
  );

  it("is gone after a write and a removal, with all versions, and after a credential was refused", async () => {
    const store = mapStore();
    await earlier(store);
    const { m, secrets } = client(store);
    const { version } = await secrets.get("m://a");
    await secrets.get(`m://a?version=${version}` as "m://a");
    await clock.advance(1_000);
    expect(store.kept.size).toBe(3);
    await secrets.put("m://a", "new");
    await clock.advance(1_000);
    expect([...store.kept.keys()]).toEqual(["m://b"]);
    m.answer = undefined;
    await secrets.get("m://b");
    const refused = secrets.use("m://b", () => {
      m.answer = down("unavailable");
      throw Object.assign(new Error("401"), { status: 401 });
    });
    await expect(refused).rejects.toEqual(code("unavailable"));
    await secrets.close();
    expect(store.kept.size).toBe(0);
  });

  it("does not come back by a reading of the store that began before it was erased", async () => {
    const store = mapStore();
    await earlier(store);
    const { m, secrets } = starting(store);
    const [read, gates] = [store.read, [] as (() => void)[]];
    store.read = async () => {
      const all = await read();
      await new Promise<void>((resolve) => gates.push(resolve));
      return all;
    };
    const got = expect(secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    while (gates.length === 0) await clock.advance(1);
    await secrets.remove("m://a");
    for (const open of gates.splice(0)) open();
    await got;
    expect(m.reads).toEqual(["a"]);
    const other = secrets.get("m://b");
    while (gates.length === 0) await clock.advance(1);
    gates.splice(0)[0]?.();
    expect((await other).text()).toBe("2");
    await secrets.close();
  });

  it("costs no read an error when the store fails: an event, and the provider's own error where nothing serves", async () => {
    const store = mapStore();
    await earlier(store);
    store.fails = true;
    const { secrets, m, events } = starting(store);
    await expect(secrets.get("m://a")).rejects.toEqual(code("unavailable"));
    m.answer = undefined;
    expect((await secrets.get("m://b")).text()).toBe("2");
    await clock.advance(1_000);
    expect(events.filter(({ type }) => type === "snapshot-failed").map((event) => "error" in event && event.error.code)).toEqual([
      "decode",
      "unavailable",
    ]);
    await expect(secrets.remove("m://a")).resolves.toBeUndefined();
    store.fails = false;
    await clock.advance(61_000);
    // The erasure was tried again; the value was not kept in memory for it.
    expect(store.changes.at(-1)?.erased.has("m://a")).toBe(true);
    expect(store.changes.at(-1)?.records.size).toBe(0);
    await secrets.close();
  });
});
