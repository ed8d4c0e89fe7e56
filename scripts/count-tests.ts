import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** What one run of tests came to. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** Which tests, modules and errors failed: a long log is often kept by its end alone. */
  failures: string[];
}

/** The first line of what went wrong, short enough for a list. */
function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | undefined)?.message;
  return String(message ?? error ?? "no message")
    .split("\n", 1)[0]!
    .slice(0, 200);
}

const unhandled = (error: unknown): string => `outside any test: ${messageOf(error)}`;

/**
 * A vitest reporter that prints each skipped test with its reason and adds the run's counts, as a line of JSON, to the file that
 * KEYHOLD_COUNTS names. A module that cannot be loaded and an error outside tests count as failures.
 */
export default class CountTests implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, failures: unhandledErrors.map(unhandled) };
    let notApplicable = 0;
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const { state } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "failed") {
          counts.failed += 1;
          counts.failures.push(`${module.relativeModuleId}: ${test.fullName}: ${messageOf(test.result().errors?.[0])}`);
        } else {
          const { note } = test.result() as { note?: string };
          // A rule for something that a provider does not have is no test left out; `npm run test:codes` and docs/providers.md show them.
          if (note?.startsWith("n/a: ")) {
            notApplicable += 1;
            continue;
          }
          counts.skipped += 1;
          console.log(`skipped: ${module.relativeModuleId}: ${test.fullName}: ${note ?? "no reason was given"}`);
        }
      }
      if (module.state() === "failed" && tests === 0) {
        counts.failed += 1;
        counts.failures.push(`${module.relativeModuleId}: ${messageOf(module.errors()[0])}`);
      }
    }
    if (notApplicable > 0)
      console.log(`n/a: ${notApplicable} rules of the conformance suite are about what a provider does not have`);
    const file = process.env.KEYHOLD_COUNTS;
    if (file) appendFileSync(file, `${JSON.stringify(counts)}\n`);
  }
}
