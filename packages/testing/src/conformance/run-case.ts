import type { Harness } from "../harness.ts";
import { within } from "./assertions.ts";
import { openCase } from "./case-context.ts";
import type { Behaviour, ConformanceCase } from "./conformance-case.ts";

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

/** Runs a case, then its cleanup, also after a failure. A promise that failed and that nobody waited for, fails the case. */
async function attempt(one: ConformanceCase, { context, finish }: Awaited<ReturnType<typeof openCase>>): Promise<void> {
  const timeoutMs = context.harness.timeoutMs ?? defaultTimeoutMs;
  const unhandled: unknown[] = [];
  const listener = (error: unknown) => unhandled.push(error);
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  process.on("unhandledRejection", listener);
  try {
    await within(timeoutMs, one.run(context), "this case").catch(failed);
    await within(timeoutMs, finish(), "closing the providers").catch(failed);
    // Rejections are reported after the microtasks of a turn.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", listener);
  }
  if (failures.length > 0) throw failures[0];
  if (unhandled.length > 0) throw new Error("a promise was rejected that nobody waited for", { cause: unhandled[0] });
}

/** Runs one case against one provider. Never rejects. */
export async function runCase(one: ConformanceCase, harness: Harness): Promise<CaseResult> {
  const { behaviour, title } = one;
  const skipped = harness.skip?.find(({ tests }) => tests.includes(title));
  if (skipped) return { behaviour, title, outcome: "skipped", reason: skipped.reason };
  try {
    const opened = await openCase(harness);
    const reason = one.notApplicable?.(opened.context.provider, harness);
    if (reason !== undefined) {
      await opened.finish();
      return { behaviour, title, outcome: "not-applicable", reason };
    }
    await attempt(one, opened);
    return { behaviour, title, outcome: "passed" };
  } catch (error) {
    return { behaviour, title, outcome: "failed", error };
  }
}
