import { type ErrorCode, errorCodes, isSecretsError } from "@keyhold/core";
import { callContext, type FaultPlan, faulty, type Harness, manualClock, memory, type Situation } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const runs = Number(process.env.KEYHOLD_RUNS ?? 100);
const codeOf = (error: unknown) => (isSecretsError(error) ? error.code : "not a SecretsError");

/** What `count` reads of one secret come to, in order. */
async function outcomesOf(plan: FaultPlan, count: number): Promise<readonly string[]> {
  const provider = faulty(memory({ secrets: { a: "value" } }), plan);
  const outcomes: string[] = [];
  for (let index = 0; index < count; index++) {
    const read = provider.read({ path: "a" }, callContext({ deadlineMs: Infinity }));
    outcomes.push(await read.then(() => "pass", codeOf));
  }
  return outcomes;
}

describe("faulty", () => {
  it("plans the same faults for the same seed, and others for another", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.double({ min: 0.2, max: 0.8, noNaN: true }), async (seed, share) => {
        const plan = { seed, errors: { unavailable: share / 2, "rate-limited": share / 2 } };
        const once = await outcomesOf(plan, 60);
        expect(await outcomesOf(plan, 60)).toEqual(once);
        expect(await outcomesOf({ ...plan, seed: seed + 1 }, 60)).not.toEqual(once);
      }),
      { numRuns: runs },
    );
  });

  it("fails as many calls as the plan says, near enough", async () => {
    const outcomes = await outcomesOf({ errors: { unavailable: 0.2, unauthenticated: 0.1 } }, 2_000);
    const share = (outcome: string) => outcomes.filter((one) => one === outcome).length / outcomes.length;
    expect(share("unavailable")).toBeCloseTo(0.2, 1);
    expect(share("unauthenticated")).toBeCloseTo(0.1, 1);
    expect(share("pass")).toBeCloseTo(0.7, 1);
  });

  it("gives every code on request, then passes", async () => {
    const outcomes = await outcomesOf({ first: ["pass", ...errorCodes] }, errorCodes.length + 3);
    expect(outcomes).toEqual(["pass", ...errorCodes, "pass", "pass"]);
  });

  it("tells how long to wait, where the code asks for it", async () => {
    const provider = faulty(memory(), { first: ["rate-limited", "unavailable", "unknown"], retryAfterMs: 1_500 });
    const errors = [];
    for (const _ of [1, 2, 3]) errors.push(await provider.read({ path: "a" }, callContext()).catch((error: unknown) => error));
    expect(errors).toMatchObject([{ retryAfterMs: 1_500 }, { retryAfterMs: 1_500 }, { code: "unknown" }]);
    expect(errors[2]).not.toHaveProperty("retryAfterMs");
  });

  it("takes its time by the call's own clock", async () => {
    const clock = manualClock();
    const provider = faulty(memory({ secrets: { a: "value" } }), { latencyMs: [1_000, 2_000] });
    let done = false;
    const read = provider.read({ path: "a" }, callContext({ clock })).then(() => {
      done = true;
    });
    await clock.advance(999);
    expect(done).toBe(false);
    await clock.advance(1_001);
    expect(done).toBe(true);
    await read;
    expect(provider.calls[0]?.latencyMs).toBeGreaterThanOrEqual(1_000);
    expect(provider.calls[0]?.latencyMs).toBeLessThanOrEqual(2_000);
  });

  it("hangs until the deadline or an abort, and leaves nothing behind", async () => {
    const clock = manualClock();
    const provider = faulty(memory({ secrets: { a: "value" } }), { hangs: 1 });
    const late = provider.read({ path: "a" }, callContext({ clock, deadlineMs: 5_000 })).catch(codeOf);
    const controller = new AbortController();
    const gone = provider.read({ path: "a" }, callContext({ clock, deadlineMs: Infinity, signal: controller.signal }));
    controller.abort();
    expect(await gone.catch(codeOf)).toBe("aborted");
    await clock.advance(5_000);
    expect(await late).toBe("timeout");
    expect(clock.timers).toBe(0);
  });

  it("fails single results of a batch, in their places", async () => {
    const secrets = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`s${index}`, `value ${index}`]));
    const provider = faulty(memory({ secrets }), { partial: 0.3 });
    const outcomes = await provider.readMany?.(
      Object.keys(secrets).map((path) => ({ path })),
      callContext(),
    );
    const failed = outcomes?.filter((one) => isSecretsError(one, "unavailable")).length ?? 0;
    expect(failed).toBeGreaterThan(30);
    expect(failed).toBeLessThan(90);
    outcomes?.forEach((one, index) => {
      if (!isSecretsError(one)) expect(one.content).toEqual({ kind: "opaque", value: `value ${index}` });
    });
  });

  it("spoils the named methods only, and keeps a log of those", async () => {
    const provider = faulty(memory({ secrets: { a: "value" } }), { methods: ["probe"], errors: { unavailable: 1 } });
    expect(await provider.probe?.({ path: "a" }, callContext()).catch(codeOf)).toBe("unavailable");
    await provider.read({ path: "a" }, callContext());
    expect(provider.calls).toEqual([{ method: "probe", fault: "unavailable", latencyMs: 0 }]);
  });

  it("has no method that the provider has not", () => {
    const { read, kind, features } = memory();
    expect(Object.keys(faulty({ kind, features, read }, {})).sort()).toEqual(["calls", "features", "kind", "read"]);
  });
});

const faults = (code: ErrorCode): (() => Situation) => {
  return () => ({ provider: faulty(memory(), { first: [code === "timeout" ? "hang" : code] }) });
};
const driven = [
  "permission-denied",
  "unauthenticated",
  "rate-limited",
  "unavailable",
  "timeout",
  "unsupported",
  "decode",
  "unknown",
] as const;

// Without faults it is the provider that it wraps; with them it gives every code there is.
testProvider("faulty", {
  create: () => faulty(memory({ pageSize: 3 }), { latencyMs: 1 }),
  breakIt: Object.fromEntries(driven.map((code) => [code, faults(code)])) satisfies Harness["breakIt"],
});
