import { type CallContext, type Clock, type ErrorCode, SecretsError } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import type { Outcome, ReadMany } from "../src/read-many.ts";
import { retrying } from "../src/retry.ts";

const record = { content: { kind: "opaque", value: "1" }, version: "1" } as const;
const contextOf = (clock: Clock, deadlineMs = 10_000): CallContext => ({
  signal: new AbortController().signal,
  deadlineAt: clock.monotonic() + deadlineMs,
  clock,
});

/** The layer over a backend that gives `answers` one after the other, and when it was asked. */
function layered(answers: readonly Outcome[], options: { readonly random?: number; readonly isOpen?: boolean } = {}) {
  const clock = manualClock();
  const askedAt: number[] = [];
  const next: ReadMany = async (locators) => {
    askedAt.push(clock.monotonic());
    const answer = answers[Math.min(askedAt.length, answers.length) - 1] as Outcome;
    return locators.map(() => answer);
  };
  const { random = 0.5, isOpen = false } = options;
  const read = retrying(next, { clock, random: () => random, isOpen: () => isOpen });
  return { clock, askedAt, read: (context = contextOf(clock)) => read([{ path: "a" }], context) };
}

const failure = (code: ErrorCode, retryAfterMs?: number) => new SecretsError(code, code, { retryAfterMs });

describe("a retry", () => {
  it("waits from 50 ms to three times the wait before, as chance has it", async () => {
    for (const [random, expected] of [
      [0, [0, 50, 100]],
      [0.5, [0, 100, 275]],
      [0.999999, [0, 150, 600]],
    ] as const) {
      const { clock, askedAt, read } = layered([failure("unavailable")], { random });
      const outcomes = read();
      await clock.advance(10_000);
      expect(await outcomes).toMatchObject([{ code: "unavailable" }]);
      expect(askedAt.map(Math.round)).toEqual(expected);
    }
  });

  it("waits as long as the backend asks, where that is longer", async () => {
    const { clock, askedAt, read } = layered([failure("rate-limited", 3_000), record]);
    const outcomes = read();
    await clock.advance(3_000);
    expect([await outcomes, askedAt]).toEqual([[record], [0, 3_000]]);
  });

  it.each([Number.NaN, -1_000, Number.NEGATIVE_INFINITY])("takes a wait of %d ms for none that was asked for", async (wait) => {
    const { clock, askedAt, read } = layered([failure("rate-limited", wait), record]);
    const outcomes = read();
    await clock.advance(10_000);
    expect([await outcomes, askedAt]).toEqual([[record], [0, 100]]);
    expect(failure("rate-limited", wait)).not.toHaveProperty("retryAfterMs");
  });

  it.each([10_000, 86_400_000, Number.POSITIVE_INFINITY])(
    "gives up at once where a wait of %d ms outlasts the deadline",
    async (wait) => {
      const { clock, askedAt, read } = layered([failure("rate-limited", wait)]);
      expect(await read(contextOf(clock, 10_000))).toMatchObject([{ code: "rate-limited", retryAfterMs: wait }]);
      expect([askedAt, clock.timers]).toEqual([[0], 0]);
    },
  );

  it("is not made while the breaker is open, nor after the callers left", async () => {
    const open = layered([failure("unavailable")], { isOpen: true });
    await open.read();
    expect(open.askedAt).toEqual([0]);
    const left = layered([failure("unavailable")]);
    const ending = new AbortController();
    const outcomes = left.read({ ...contextOf(left.clock), signal: ending.signal });
    await left.clock.advance(10);
    ending.abort();
    await outcomes;
    expect([left.askedAt, left.clock.timers]).toEqual([[0], 0]);
  });

  it("is made three times in ten seconds, and for a tenth of many calls", async () => {
    const { clock, askedAt, read } = layered([failure("unavailable")]);
    await Promise.all([...Array.from({ length: 20 }, () => read()), clock.advance(5_000)]);
    expect(askedAt).toHaveLength(20 + 3);
    await clock.advance(5_000);
    askedAt.length = 0;
    await Promise.all([...Array.from({ length: 20 }, () => read()), clock.advance(5_000)]);
    expect(askedAt).toHaveLength(20 + 3);
    await clock.advance(5_000);
    askedAt.length = 0;
    await Promise.all([...Array.from({ length: 1_000 }, () => read()), clock.advance(5_000)]);
    // A tenth of all calls, these included.
    expect(askedAt.length).toBeGreaterThanOrEqual(1_100);
    expect(askedAt.length).toBeLessThanOrEqual(1_112);
  });
});
