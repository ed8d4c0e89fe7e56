import { type CallContext, callContext } from "@keyhold/core";

/** The context of a call, or one of 30 s where a vendor's SDK calls, which has another argument or none. */
export function identityContext(given: object | undefined): CallContext {
  const { signal, clock, deadlineAt } = (given ?? {}) as Partial<CallContext>;
  if (signal !== undefined && clock !== undefined && deadlineAt !== undefined) return { signal, clock, deadlineAt };
  return callContext({ deadlineMs: 30_000 });
}

/** The same call with at most this much time left. */
export function within(context: CallContext, ms: number): CallContext {
  return { ...context, deadlineAt: Math.min(context.deadlineAt, context.clock.monotonic() + ms) };
}
