import { remainingMs } from "@keyhold/core";
import { callContext, manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";

describe("callContext", () => {
  it("is aborted as timeout at its deadline, by its clock", async () => {
    const clock = manualClock();
    const context = callContext({ clock, deadlineMs: 500 });
    await clock.advance(499);
    expect([context.signal.aborted, remainingMs(context)]).toEqual([false, 1]);
    await clock.advance(1);
    expect(context.signal.reason).toMatchObject({ code: "timeout" });
    expect(remainingMs(context)).toBe(0);
  });

  it("is aborted as aborted by the caller's signal, whatever its reason is", () => {
    const controller = new AbortController();
    const context = callContext({ signal: controller.signal });
    controller.abort(new Error("a reason that a driver must not pass on"));
    expect(context.signal.reason).toMatchObject({ code: "aborted", message: "the caller aborted this call" });
  });

  it("is aborted from the start where the signal is, or the deadline has passed", () => {
    expect(callContext({ signal: AbortSignal.abort() }).signal.reason).toMatchObject({ code: "aborted" });
    expect(callContext({ deadlineMs: 0 }).signal.reason).toMatchObject({ code: "timeout" });
  });

  it("sets no timer without a deadline", () => {
    const clock = manualClock();
    expect(callContext({ clock, deadlineMs: Infinity }).deadlineAt).toBe(Infinity);
    expect(clock.timers).toBe(0);
  });
});
