import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** What one run of tests came to. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * A vitest reporter that prints each skipped test with its reason and adds the run's counts, as a line of JSON, to the file that
 * KEYHOLD_COUNTS names. A module that cannot be loaded and an error outside tests count as failures.
 */
export default class CountTests implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    let notApplicable = 0;
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const { state } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "failed") counts.failed += 1;
        else {
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
      if (module.state() === "failed" && tests === 0) counts.failed += 1;
    }
    if (notApplicable > 0)
      console.log(`n/a: ${notApplicable} rules of the conformance suite are about what a provider does not have`);
    const file = process.env.KEYHOLD_COUNTS;
    if (file) appendFileSync(file, `${JSON.stringify(counts)}\n`);
  }
}
