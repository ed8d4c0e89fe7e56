import { setTimeout as sleep } from "node:timers/promises";
import { createSecrets, type Provider, type Secret, SecretsError, type SecretsEvent, type SecretsOptions } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";

type Options = Omit<SecretsOptions<Record<string, Provider>>, "providers">;

/** A client of a backend that tells no changes itself, and another client that writes to it. */
function pair(options: Options = {}) {
  const { watch: _none, ...inner } = memory({ secrets: { a: "1", b: "1" } });
  const reads: string[] = [];
  const events: SecretsEvent[] = [];
  const backend: { before: (() => void | Promise<void>) | undefined } = { before: undefined };
  const m: Provider = {
    ...inner,
    async read(locator, context) {
      reads.push(locator.path);
      await backend.before?.();
      return inner.read(locator, context);
    },
    changedPaths: (event) => (event.kind === "moved" ? [event.path as string] : undefined),
  };
  const secrets = createSecrets({ ...options, providers: { m }, onEvent: (event) => events.push(event) });
  return { secrets, writer: createSecrets({ providers: { m: inner } }), reads, events, backend };
}

const invalid = expect.objectContaining({ code: "invalid-argument" });

describe("notify", () => {
  it("drops what is held, and has told the handles when it ends", async () => {
    const { secrets, writer } = pair();
    const handle = await secrets.handle("m://a");
    const told: string[] = [];
    handle.onChange((now: Secret, before: Secret) => told.push(`${before.text()} ${now.text()}`));
    await secrets.get("m://b");
    await writer.put("m://a", "2");
    await writer.put("m://b", "2");
    expect(await secrets.notify({ reference: "m://a" })).toEqual({ references: ["m://a"] });
    expect(handle.current.text()).toBe("2");
    expect((await secrets.notify({ reference: "m://b#x" })).references).toEqual(["m://b"]);
    expect(secrets.peek("m://b")).toBeUndefined();
    await sleep(1);
    expect(told).toEqual(["1 2"]);
    await secrets.close();
    await expect(secrets.notify({ reference: "m://a" })).rejects.toMatchObject({ code: "closed" });
  });

  it("takes a CloudEvent, many events, text and bytes", async () => {
    const { secrets } = pair();
    const cloudEvent = { specversion: "1.0", id: "1", source: "/mine", type: "mine.changed", data: { reference: "m://a" } };
    const forms = [
      cloudEvent,
      [{ reference: "m://b" }, cloudEvent],
      JSON.stringify(cloudEvent),
      Buffer.from(JSON.stringify([cloudEvent])),
      { kind: "moved", path: "a" },
    ];
    for (const form of forms) expect((await secrets.notify(form)).references).toContain("m://a");
    expect(await secrets.notify([])).toEqual({ references: [] });
    await secrets.close();
  });

  it("answers Event Grid's handshake, and takes it for nothing else", async () => {
    const { secrets, reads } = pair();
    await secrets.get("m://a");
    const handshake = {
      id: "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
      topic: "/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v",
      subject: "",
      eventType: "Microsoft.EventGrid.SubscriptionValidationEvent",
      eventTime: "2026-01-25T22:12:19.4556811Z",
      data: { validationCode: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", validationUrl: "https://example.com/validate" },
      dataVersion: "1",
    };
    expect(await secrets.notify([handshake])).toEqual({
      references: [],
      handshake: { validationResponse: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" },
    });
    expect([secrets.peek("m://a")?.text(), reads.length]).toEqual(["1", 1]);
    await secrets.close();
  });

  it("refuses what no provider knows without a word of it, and of many events does nothing then", async () => {
    const { secrets } = pair();
    await secrets.get("m://a");
    const bad = [
      undefined,
      null,
      1,
      "",
      "{",
      "hunter2",
      Uint8Array.of(0xff),
      {},
      [[]],
      [null],
      { reference: 1 },
      { reference: "nobody://hunter2" },
      { reference: "hunter2" },
      { specversion: "1.0", data: { reference: 5 } },
      { specversion: "0.3", data: { reference: "m://a" } },
      [{ reference: "m://a" }, { unknown: "hunter2" }],
      Array.from({ length: 1_001 }, () => ({ reference: "m://a" })),
    ];
    for (const event of bad) {
      const error = await secrets.notify(event).catch((thrown) => thrown);
      expect(error).toEqual(invalid);
      if (!JSON.stringify(event)?.includes("nobody")) expect(`${error.stack}${JSON.stringify(error)}`).not.toContain("hunter2");
    }
    expect(secrets.peek("m://a")?.text()).toBe("1");
    await secrets.close();
  });

  it("changes nothing by an event about what this client never read, or what no reference can name", async () => {
    const { secrets, reads } = pair();
    await secrets.get("m://a");
    expect(await secrets.notify({ kind: "moved", path: "elsewhere" })).toEqual({ references: ["m://elsewhere"] });
    expect(await secrets.notify({ kind: "moved", path: "../a" })).toEqual({ references: [] });
    expect([secrets.peek("m://a")?.text(), reads]).toEqual(["1", ["a"]]);
    await secrets.close();
  });

  it("reads twice for a thousand events at once: what is under way, and once for all that came meanwhile", async () => {
    const { secrets, writer, reads, backend } = pair();
    const handle = await secrets.handle("m://a");
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    backend.before = () => released;
    const first = secrets.notify({ reference: "m://a" });
    while (reads.length < 2) await sleep(1);
    await writer.put("m://a", "2");
    const others = Array.from({ length: 1_000 }, () => secrets.notify({ reference: "m://a" }));
    release();
    await Promise.all(others);
    expect([handle.current.text(), reads.length]).toEqual(["2", 3]);
    await first;
    await secrets.close();
  });

  it("ends without an error when the backend is down, says so, and reads until it has the change", async () => {
    const clock = manualClock();
    const { secrets, writer, events, backend, reads } = pair({ clock, retry: false });
    const handle = await secrets.handle("m://a");
    await writer.put("m://a", "2");
    backend.before = () => {
      throw new SecretsError("unavailable", "down", { retryable: true });
    };
    await secrets.notify({ reference: "m://a" });
    expect([handle.current.text(), events.some(({ type }) => type === "watch-failed")]).toEqual(["1", true]);
    for (let second = 0; second < 60; second += 1) await clock.advance(1_000);
    // Less and less often.
    expect(reads.length).toBeGreaterThan(3);
    expect(reads.length).toBeLessThan(12);
    backend.before = undefined;
    for (let second = 0; second < 65 && handle.current.text() !== "2"; second += 1) await clock.advance(1_000);
    expect(handle.current.text()).toBe("2");
    await secrets.close();
  });
});

describe("a change", () => {
  it("is seen by all handles at once, and by listeners in order, whatever one of them does", async () => {
    const { secrets, events, writer } = pair();
    const handles = await Promise.all(Array.from({ length: 3 }, () => secrets.handle("m://a")));
    const seen: string[] = [];
    handles[0]?.onChange(() => {
      throw new Error("hunter2");
    });
    // Never ends.
    handles[0]?.onChange(() => new Promise<never>(() => {}) as never);
    handles[1]?.onChange((now) => {
      seen.push(`${now.text()}:${handles.map((handle) => handle.current.text()).join()}`);
    });
    for (const value of ["2", "3", "4"]) {
      await writer.put("m://a", value);
      await secrets.notify({ reference: "m://a" });
    }
    await sleep(1);
    expect(seen).toEqual(["2:2,2,2", "3:3,3,3", "4:4,4,4"]);
    expect(events.filter(({ type }) => type === "listener-failed")).toHaveLength(3);
    await secrets.close();
  });

  it("leaves what it replaced to the handle for the time of the overlap, and one change later for no longer", async () => {
    const clock = manualClock();
    const { secrets, writer } = pair({ clock, overlapMs: 5_000 });
    const handle = await secrets.handle("m://a");
    expect(handle.previous).toBeUndefined();
    const change = async (value: string) => {
      await writer.put("m://a", value);
      await secrets.notify({ reference: "m://a" });
    };
    await change("2");
    expect([handle.current.text(), handle.previous?.text()]).toEqual(["2", "1"]);
    await clock.advance(4_000);
    await change("3");
    expect([handle.current.text(), handle.previous?.text()]).toEqual(["3", "2"]);
    await clock.advance(4_000);
    expect(handle.previous?.text()).toBe("2");
    await clock.advance(2_000);
    expect([handle.current.text(), handle.previous]).toEqual(["3", undefined]);
    await secrets.close();
  });

  it("leaves no timer and no listener behind when the last handle is closed", async () => {
    const clock = manualClock();
    const { secrets, writer } = pair({ clock });
    const handle = await secrets.handle("m://a");
    let calls = 0;
    handle.onChange(() => {
      calls += 1;
    });
    await writer.put("m://a", "2");
    await secrets.notify({ reference: "m://a" });
    await sleep(1);
    expect(clock.timers).toBe(1);
    handle.close();
    expect(clock.timers).toBe(0);
    await writer.put("m://a", "3");
    await secrets.notify({ reference: "m://a" });
    await sleep(1);
    expect([calls, handle.previous]).toEqual([1, undefined]);
    await secrets.close();
    expect(clock.timers).toBe(0);
  });
});
