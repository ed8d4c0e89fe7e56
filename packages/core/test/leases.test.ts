import { createSecrets, type Provider, SecretsError, type SecretsEvent, type SecretsOptions } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { type Leasing, type LeasingOptions, leasing } from "./leasing.ts";

function client(options: LeasingOptions = {}, more: Partial<SecretsOptions<{ m: Provider }>> = {}) {
  const clock = manualClock();
  const m: Leasing = leasing({ clock, ...options });
  const events: SecretsEvent[] = [];
  const onEvent = (event: SecretsEvent) => void events.push(event);
  const secrets = createSecrets({ providers: { m }, clock, random: () => 1, onEvent, ...more });
  const lapses = () => events.flatMap((event) => (event.type === "lapsed" ? [event.reason] : []));
  return { clock, m, secrets, events, lapses };
}

const outage = () => new SecretsError("unavailable", "down");

describe("a leased secret", () => {
  it("is one lease for all its fields, and for get, use, peek and handles", async () => {
    const { m, secrets } = client();
    const [user, password] = await secrets.getMany(["m://db#user", "m://db#password"]);
    const handle = await secrets.handle("m://db#password");
    await secrets.use("m://db", () => {});
    expect([user.text(), password.text(), handle.current.text()]).toEqual(["user-1", "password-1", "password-1"]);
    expect(secrets.peek("m://db#user")?.text()).toBe("user-1");
    expect(m.issued).toBe(1);
    await secrets.close();
  });

  it("is another's in another client", async () => {
    const { clock, m, secrets } = client();
    const other = createSecrets({ providers: { m }, clock });
    expect((await secrets.get("m://db")).version).not.toBe((await other.get("m://db")).version);
    await other.close();
    expect(m.live().map(({ id }) => id)).toEqual([(await secrets.get("m://db")).version]);
    await secrets.close();
    expect(m.live()).toEqual([]);
  });

  it("is renewed after two thirds, and the same for as long as a handle is open", async () => {
    const { clock, m, secrets } = client({ durationMs: 3_000 });
    const handle = await secrets.handle("m://db");
    expect(secrets.lapsesAt("m://db")).toBe(clock.now() + 3_000);
    await clock.advance(1_999);
    expect(m.renewals).toBe(0);
    await clock.advance(1);
    expect(m.renewals).toBe(1);
    expect(secrets.lapsesAt("m://db")).toBe(clock.now() + 3_000);
    await clock.advance(3_600_000);
    expect([m.issued, handle.current.version]).toEqual([1, "lease-1"]);
    expect(m.renewals).toBe(1 + 1_800);
    await secrets.close();
    expect([m.live(), clock.timers]).toEqual([[], 0]);
  });

  it("is read anew before its longest life ends, works all the time, and what it replaced is revoked after the overlap", async () => {
    const { clock, m, secrets } = client({ durationMs: 60_000, maxMs: 300_000 }, { overlapMs: 5_000 });
    const handle = await secrets.handle("m://db#password");
    const changes: string[] = [];
    handle.onChange((current, previous) => void changes.push(`${previous.version} ${current.version}`));
    for (let second = 0; second < 3_600; second += 1) {
      await clock.advance(1_000);
      expect(m.works(handle.current.version)).toBe(true);
    }
    expect(m.issued).toBeGreaterThan(11);
    expect(changes).toHaveLength(m.issued - 1);
    expect(m.leastOverlapMs).toBeGreaterThanOrEqual(5_000);
    expect(m.live().length).toBeLessThanOrEqual(2);
    await secrets.close();
    expect(m.live()).toEqual([]);
  });
});

describe("a lease that cannot go on as it was", () => {
  it.each([
    ["cannot be renewed", { renewable: false }],
    ["comes from a backend that renews nothing", { renews: false }],
  ])("is replaced after two thirds where it %s", async (_name, options) => {
    const { clock, m, secrets } = client({ durationMs: 60_000, ...options }, { overlapMs: 5_000 });
    const handle = await secrets.handle("m://db");
    await clock.advance(39_999);
    expect(m.issued).toBe(1);
    await clock.advance(1);
    expect([m.issued, handle.version, m.renewals]).toEqual([2, "lease-2", 0]);
    expect(m.works("lease-1")).toBe(true);
    await clock.advance(5_000);
    expect(m.live().map(({ id }) => id)).toEqual(["lease-2"]);
    await secrets.close();
  });

  it("is replaced when renewals give less and less, before they give nothing", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 3_600_000 });
    m.grant = ({ id }) => 3_600_000 / 2 ** m.calls.filter((call) => call.what === "renew" && call.id === id).length;
    const handle = await secrets.handle("m://db");
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      await clock.advance(60_000);
      expect(m.works(handle.current.version)).toBe(true);
    }
    expect(m.calls.length).toBeLessThan(120);
    expect(lapses()).toEqual([]);
    await secrets.close();
  });

  it("is replaced, and told as revoked once, when the backend says so at its renewal", async () => {
    const { clock, m, secrets, lapses, events } = client({ durationMs: 60_000 });
    const handle = await secrets.handle("m://db");
    m.kill(handle.version);
    await clock.advance(40_000);
    expect(() => handle.current).toThrow(expect.objectContaining({ code: "not-found", reference: "m://db", retryable: true }));
    expect(secrets.peek("m://db")).toBeUndefined();
    await clock.advance(1_000);
    expect([handle.version, handle.current.version]).toEqual(["lease-2", "lease-2"]);
    expect(lapses()).toEqual(["revoked"]);
    expect(events.filter(({ type }) => type === "renewal-failed")).toHaveLength(1);
    await secrets.close();
  });

  it("is given to whoever asked, and held by nobody, where it lasts for no time", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 0 });
    expect((await secrets.get("m://db#user")).text()).toBe("user-1");
    expect((await secrets.get("m://db#user")).text()).toBe("user-2");
    const handle = await secrets.handle("m://db");
    expect(() => handle.current).toThrow(expect.objectContaining({ code: "unavailable" }));
    await clock.advance(3_600_000);
    expect(m.issued).toBeLessThan(80);
    expect(lapses()).toEqual(["expired"]);
    handle.close();
    await secrets.close();
  });

  it("is read anew less and less often where what comes lasts for no time", async () => {
    const { clock, m, secrets } = client({ durationMs: 60_000 });
    const handle = await secrets.handle("m://db");
    m.durationMs = 0;
    await clock.advance(3_600_000);
    expect(() => handle.current).toThrow();
    expect(m.issued).toBeLessThan(80);
    m.durationMs = 60_000;
    await clock.advance(120_000);
    expect(m.works(handle.current.version)).toBe(true);
    await secrets.close();
  });

  it("of more than 24.8 days is renewed in its time, and not at once and for ever", async () => {
    const durationMs = 90 * 24 * 3_600_000;
    const { clock, m, secrets } = client({ durationMs });
    const handle = await secrets.handle("m://db");
    await clock.advance(59 * 24 * 3_600_000);
    expect(m.calls).toHaveLength(1);
    await clock.advance(24 * 3_600_000);
    expect([m.renewals, m.issued, handle.version]).toEqual([1, 1, "lease-1"]);
    await secrets.close();
  });
});

describe("a lease whose backend is down", () => {
  it("serves to its end, never after it, is told once, and comes back by itself", async () => {
    const { clock, m, secrets, events, lapses } = client({ durationMs: 60_000 });
    const handle = await secrets.handle("m://db");
    m.before = () => {
      throw outage();
    };
    await clock.advance(59_999);
    expect(handle.current.version).toBe("lease-1");
    expect(secrets.peek("m://db")?.version).toBe("lease-1");
    await clock.advance(1);
    expect(() => handle.current).toThrow(expect.objectContaining({ code: "unavailable" }));
    expect(secrets.peek("m://db")).toBeUndefined();
    await expect(Promise.race([secrets.get("m://db"), clock.advance(20_000)])).rejects.toMatchObject({ code: "unavailable" });
    await clock.advance(600_000);
    expect(lapses()).toEqual(["expired"]);
    expect(events).toContainEqual({
      type: "lapsed",
      reference: "m://db",
      reason: "expired",
      failure: expect.objectContaining({ code: "unavailable", provider: "m", reference: "m://db" }),
    });
    m.before = undefined;
    await clock.advance(90_000);
    expect([handle.current.version, m.issued]).toEqual(["lease-2", 1 + 1]);
    await secrets.close();
    expect(m.live()).toEqual([]);
  });

  it("is asked for at most once a second, more often as the end comes near, and in time when it is back shortly before it", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 3_600_000 });
    const handle = await secrets.handle("m://db");
    m.before = () => {
      throw outage();
    };
    await clock.advance(3_597_000);
    const times = m.calls.slice(1).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(150_000);
    expect(times.length).toBeLessThan(80);
    m.before = undefined;
    await clock.advance(3_000);
    expect([m.works(handle.current.version), lapses()]).toEqual([true, []]);
    await secrets.close();
  });

  it("is asked again before its end where a call hangs", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 12_000 });
    const handle = await secrets.handle("m://db");
    let hung = 0;
    m.before = () => {
      hung += 1;
      return hung === 1 ? new Promise(() => {}) : undefined;
    };
    await clock.advance(12_000);
    expect([m.renewals, handle.version, lapses()]).toEqual([1, "lease-1", []]);
    await secrets.close();
  });

  it("is read anew where only renewing fails", async () => {
    for (const code of ["unavailable", "permission-denied", "unsupported", "unknown"] as const) {
      const { clock, m, secrets, lapses } = client({ durationMs: 60_000 });
      const handle = await secrets.handle("m://db");
      m.before = (what) => {
        if (what === "renew") throw new SecretsError(code, "no");
      };
      await clock.advance(60_000);
      expect([handle.version, m.works(handle.current.version), lapses()]).toEqual(["lease-2", true, []]);
      await secrets.close();
    }
  });
});

describe("a lease that is not wanted any more", () => {
  it("is renewed once for its last reader, then left to end, and told as unused", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 60_000 });
    await secrets.get("m://db");
    await clock.advance(99_999);
    expect([m.renewals, lapses()]).toEqual([1, []]);
    expect(secrets.stats().leases).toBe(1);
    await clock.advance(1);
    expect([m.renewals, lapses(), m.live(), clock.timers]).toEqual([1, ["unused"], [], 0]);
    expect(secrets.stats().leases).toBe(0);
    expect((await secrets.get("m://db")).version).toBe("lease-2");
    await secrets.close();
  });

  it("is renewed after all when it is read before its end, and goes on while it is read", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 60_000 });
    await secrets.get("m://db");
    await clock.advance(90_000);
    expect(m.renewals).toBe(1);
    expect((await secrets.get("m://db")).version).toBe("lease-1");
    for (let minute = 0; minute < 60; minute += 1) {
      await clock.advance(55_000);
      expect((await secrets.get("m://db")).version).toBe("lease-1");
    }
    expect([m.issued, lapses()]).toEqual([1, []]);
    await secrets.close();
  });

  it("ends with the last handle, and keeps no timer after it", async () => {
    const { clock, m, secrets, lapses } = client({ durationMs: 60_000 });
    const handle = await secrets.handle("m://db");
    await clock.advance(600_000);
    handle.close();
    await clock.advance(120_000);
    expect([lapses(), m.live(), clock.timers]).toEqual([["unused"], [], 0]);
    await secrets.close();
  });
});

describe("closing", () => {
  it("revokes all leases, also replaced ones, ends by its deadline, and tells what could not be revoked", async () => {
    const { clock, m, secrets, events } = client({ durationMs: 60_000 }, { deadlineMs: 2_000 });
    for (const name of ["a", "b", "c"]) await secrets.get(`m://${name}`);
    await secrets.get("m://a", { fresh: true });
    expect(m.live()).toHaveLength(4);
    m.before = (what, id) => {
      if (id === "lease-2") return new Promise(() => {});
      if (id === "lease-3") throw new SecretsError("permission-denied", "no");
      expect(what).toBe("revoke");
      return undefined;
    };
    const startedAt = clock.monotonic();
    let closedAt = Number.NaN;
    const closing = secrets.close().then(() => {
      closedAt = clock.monotonic();
    });
    await clock.advance(10_000);
    await closing;
    expect(closedAt - startedAt).toBeLessThanOrEqual(2_000);
    expect(m.live().map(({ id }) => id)).toEqual(["lease-2", "lease-3"]);
    const failed = events.flatMap((event) => (event.type === "revocation-failed" ? [[event.reference, event.error.code]] : []));
    expect(failed.sort()).toEqual([
      ["m://b", "timeout"],
      ["m://c", "permission-denied"],
    ]);
    expect(clock.timers).toBe(0);
  });

  it("waits for a login that is on its way, so that it can be revoked", async () => {
    const { clock, m, secrets } = client({ durationMs: 60_000, renewable: false });
    await secrets.handle("m://db");
    m.before = (what) => (what === "read" ? new Promise((resolve) => clock.setTimer(resolve, 500)) : undefined);
    await clock.advance(40_100);
    const closing = secrets.close();
    await clock.advance(5_000);
    await closing;
    expect([m.issued, m.live()]).toEqual([2, []]);
  });
});

it("a login that was refused is replaced by use, once for all callers, and revoked after the overlap", async () => {
  const { clock, m, secrets } = client({ durationMs: 60_000 }, { overlapMs: 1_000 });
  await secrets.get("m://db");
  const refused = (version: string | undefined) => {
    if (version === "lease-1") throw Object.assign(new Error("refused"), { status: 401 });
    return version;
  };
  const callers = Array.from({ length: 50 }, () => secrets.use("m://db", ({ version }) => refused(version)));
  expect(new Set(await Promise.all(callers))).toEqual(new Set(["lease-2"]));
  await clock.advance(1_000);
  expect([m.issued, m.live().map(({ id }) => id)]).toEqual([2, ["lease-2"]]);
  await secrets.close();
});

it("a lease that was given up and is given again, as an agent before the backend does, is not revoked for that", async () => {
  const { clock, m, secrets } = client({ durationMs: 600_000 }, { overlapMs: 1_000 });
  const { read } = m;
  let held: ReturnType<typeof read> | undefined;
  m.read = (locator, context) => {
    held ??= read(locator, context);
    return held;
  };
  await secrets.get("m://db");
  await secrets.notify({ reference: "m://db" });
  expect((await secrets.get("m://db")).version).toBe("lease-1");
  await clock.advance(2_000);
  expect(m.live()).toHaveLength(1);
  await secrets.notify({ reference: "m://db" });
  await clock.advance(2_000);
  expect(m.live()).toEqual([]);
  await secrets.close();
  expect(m.calls.filter(({ what }) => what === "revoke")).toHaveLength(1);
});

it("a wall clock that jumps, as after a sleep of the machine, ends what the jump outlasts, and one new login follows", async () => {
  const { clock, m, secrets, lapses } = client({ durationMs: 60_000 });
  const handle = await secrets.handle("m://db");
  clock.setWall(clock.now() + 3_600_000);
  expect(() => handle.current).toThrow(expect.objectContaining({ code: "unavailable" }));
  const reads = await Promise.all(Array.from({ length: 100 }, () => secrets.get("m://db")));
  await clock.advance(2_000);
  expect([m.issued, new Set(reads.map(({ version }) => version)).size, lapses()]).toEqual([2, 1, ["expired"]]);
  expect(handle.current.version).toBe("lease-2");
  await secrets.close();
});

it("ten thousand leases take one timer", async () => {
  const { clock, m, secrets } = client({ durationMs: 60_000 });
  await secrets.getMany(Array.from({ length: 10_000 }, (_, index) => `m://${index}`));
  expect([m.live().length, clock.timers]).toEqual([10_000, 1]);
  await secrets.close();
  expect([m.live().length, clock.timers]).toEqual([0, 0]);
});
