import { createSecrets, type Provider, SecretsError } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { CircuitBreaker } from "../src/circuit-breaker.ts";

/** A breaker that five failures have just opened. */
function opened() {
  const clock = manualClock();
  const breaker = new CircuitBreaker(clock);
  for (let failure = 0; failure < 5; failure += 1) breaker.failed(breaker.enter());
  return { clock, breaker };
}

describe("the circuit breaker", () => {
  it("lets all pass until the fifth failure in a row", () => {
    const breaker = new CircuitBreaker(manualClock());
    for (let failure = 0; failure < 4; failure += 1) breaker.failed(breaker.enter());
    breaker.succeeded();
    for (let failure = 0; failure < 4; failure += 1) breaker.failed(breaker.enter());
    expect(breaker.enter()).toEqual({ waitMs: 0, isProbe: false });
    breaker.failed(breaker.enter());
    expect(breaker.enter()).toEqual({ waitMs: 5_000, isProbe: false });
  });

  it("lets one probe at a time pass after its rest, which doubles up to half a minute while probes fail", async () => {
    const { clock, breaker } = opened();
    for (const restMs of [5_000, 10_000, 20_000, 30_000, 30_000]) {
      await clock.advance(restMs - 1);
      expect(breaker.enter()).toEqual({ waitMs: 1, isProbe: false });
      await clock.advance(1);
      const probe = breaker.enter();
      expect(probe).toEqual({ waitMs: 0, isProbe: true });
      expect(breaker.enter().waitMs).toBeGreaterThan(0);
      breaker.failed(probe);
    }
    await clock.advance(30_000);
    breaker.enter();
    breaker.succeeded();
    expect([breaker.enter(), breaker.enter()]).toEqual(Array(2).fill({ waitMs: 0, isProbe: false }));
  });

  it("rests as long as the backend asks, five minutes at the most", async () => {
    const { clock, breaker } = opened();
    await clock.advance(5_000);
    breaker.failed(breaker.enter(), 60_000);
    expect(breaker.enter().waitMs).toBe(60_000);
    await clock.advance(60_000);
    breaker.failed(breaker.enter(), 86_400_000);
    expect(breaker.enter().waitMs).toBe(300_000);
  });

  it("lets no second probe pass because a call from before it opened fails late or is left", async () => {
    const clock = manualClock();
    const breaker = new CircuitBreaker(clock);
    const [late, left] = [breaker.enter(), breaker.enter()];
    for (let failure = 0; failure < 5; failure += 1) breaker.failed(breaker.enter());
    await clock.advance(5_000);
    const probe = breaker.enter();
    breaker.failed(late);
    breaker.leave(left);
    expect(breaker.enter()).toEqual({ waitMs: 5_000, isProbe: false });
    breaker.leave(probe);
    expect(breaker.enter()).toEqual({ waitMs: 0, isProbe: true });
  });

  it("learns from a backend that hangs, though the one caller's own deadline ends each call on a real clock", async () => {
    let reads = 0;
    const m: Provider = {
      kind: "m",
      features: { versions: false, stages: false, binary: false, leases: false },
      read: () => {
        reads += 1;
        return new Promise<never>(() => {});
      },
    };
    const secrets = createSecrets({ providers: { m }, deadlineMs: 50, retry: false });
    const startedAt = performance.now();
    for (let index = 0; index < 10; index += 1) await expect(secrets.get("m://a")).rejects.toMatchObject({ retryable: true });
    // Five, and a probe for each rest of five seconds that a machine which stood still has slept through.
    expect(reads).toBeGreaterThanOrEqual(5);
    expect(reads).toBeLessThanOrEqual(5 + Math.floor((performance.now() - startedAt) / 5_000));
    await secrets.close();
  });

  it("learns nothing from callers who give a backend less time than the client does", async () => {
    const clock = manualClock();
    let reads = 0;
    const m: Provider = {
      kind: "m",
      features: { versions: false, stages: false, binary: false, leases: false },
      read: (_locator, context) => {
        reads += 1;
        return new Promise((resolve, reject) => {
          context.clock.setTimer(() => resolve({ content: { kind: "opaque", value: "1" }, version: "1" }), 100);
          context.signal.addEventListener("abort", () => reject(new SecretsError("aborted", "left")));
        });
      },
    };
    const secrets = createSecrets({ providers: { m }, clock });
    for (let index = 0; index < 20; index += 1) {
      const lost = expect(secrets.get("m://a", { deadlineMs: 50 })).rejects.toMatchObject({ code: "timeout" });
      await clock.advance(50);
      await lost;
    }
    expect(reads).toBe(20);
    const patient = secrets.get("m://a");
    await clock.advance(100);
    expect((await patient).text()).toBe("1");
  });
});
