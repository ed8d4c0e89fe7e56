import { createSecrets, type Provider, SecretsError, type SecretsEvent, type SecretsOptions } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { type Leasing, type LeasingOptions, leasing } from "./leasing.ts";

function client(options: LeasingOptions = {}, more: Partial<SecretsOptions<{ m: Provider }>> = {}) {
  const clock = manualClock();
  const m: Leasing = leasing({ clock, ...options });
  const events: SecretsEvent[] = [];
  const onEvent = (event: SecretsEvent) => void events.push(event);
  const secrets = createSecrets({ providers: { m }, clock, random: () => 0.5, onEvent, ...more });
  const lapses = () => events.flatMap((event) => (event.type === "lapsed" ? [event.reason] : []));
  return { clock, m, secrets, events, lapses };
}

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
