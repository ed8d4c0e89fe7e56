import { type CallContext, type Clock, callContext, systemClock } from "@keyhold/core";
import { expect } from "vitest";
import type { FaultPlan } from "./faults.ts";

/** The machine's clocks, whose timers go off when the test says so. */
export function clockByHand(): Clock & { fire(): void } {
  const timers = new Set<() => void>();
  return {
    ...systemClock,
    setTimer(callback) {
      const timer = () => callback();
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    fire() {
      const due = [...timers];
      timers.clear();
      for (const timer of due) timer();
    },
  };
}

/**
 * What becomes of a call whose request hangs, at its deadline. The deadline comes once the request has: a real one, however long, may
 * come first on a machine that stands still, and then the fault would wait for somebody else's request.
 */
export async function hung(
  faults: FaultPlan,
  call: (context: CallContext) => Promise<unknown>,
  { match, clock = clockByHand() }: { readonly match?: RegExp; readonly clock?: ReturnType<typeof clockByHand> } = {},
): Promise<unknown> {
  faults.next({ kind: "hang" }, match && { match });
  const outcome = call(callContext({ clock, deadlineMs: 60_000 })).then(
    () => "it was answered",
    (error: unknown) => error,
  );
  await expect.poll(() => faults.pending).toBe(0);
  clock.fire();
  return outcome;
}
