import type { Harness } from "../harness.ts";
import { within } from "./assertions.ts";
import { openCase } from "./case-context.ts";
import type { Behaviour, CaseContext, ConformanceCase } from "./conformance-case.ts";

/** How one case ended for one provider. */
export interface CaseResult {
  readonly behaviour: Behaviour;
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped" | "not-applicable";
  /** Why it was skipped or does not apply. */
  readonly reason?: string;
  /** What it failed with. */
  readonly error?: unknown;
}

/** How long one case may take where the harness does not say, in milliseconds. */
export const defaultTimeoutMs = 30_000;

/** Runs a case to its end and its cleanup. A promise that nobody waited for and that failed, fails the case. */
async function attempt(one: ConformanceCase, context: CaseContext, finish: () => Promise<void>): Promise<void> {
  const unhandled: unknown[] = [];
  const listener = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", listener);
  try {
    const timeoutMs = context.harness.timeoutMs ?? defaultTimeoutMs;
    try {
      await within(timeoutMs, one.run(context), "this case");
    } finally {
      await within(timeoutMs, finish(), "closing the providers");
    }
    // Rejections are reported after the microtasks of a turn.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", listener);
  }
  if (unhandled.length > 0) throw new Error("a promise was rejected that nobody waited for", { cause: unhandled[0] });
}

/** Runs one case against one provider. Never rejects. */
export async function runCase(one: ConformanceCase, harness: Harness): Promise<CaseResult> {
  const { behaviour, title } = one;
  const skipped = harness.skip?.find(({ tests }) => tests.includes(title));
  if (skipped) return { behaviour, title, outcome: "skipped", reason: skipped.reason };
  try {
    const { context, finish } = await openCase(harness);
    const reason = one.notApplicable?.(context.provider, harness);
    if (reason !== undefined) {
      await finish();
      return { behaviour, title, outcome: "not-applicable", reason };
    }
    await attempt(one, context, finish);
    return { behaviour, title, outcome: "passed" };
  } catch (error) {
    return { behaviour, title, outcome: "failed", error };
  }
}
