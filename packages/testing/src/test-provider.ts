import { afterAll, describe, expect, it } from "vitest";
import { conformanceCases } from "./conformance/cases.ts";
import { reportLines, reportOf, writeReport } from "./conformance/report.ts";
import { type CaseResult, defaultTimeoutMs, runCase } from "./conformance/run-case.ts";
import type { Harness } from "./harness.ts";

/**
 * Registers the conformance suite for one provider with Vitest: one test a rule of the contract, in groups by behaviour. A test
 * that is skipped or does not apply says why; the exceptions are printed at the end, and the results are written to
 * `node_modules/.cache/keyhold/conformance/NAME.json`.
 *
 * @example
 * testProvider("memory", { create: () => memory(), notApplicable: [{ reason: "nothing signs in", codes: ["unauthenticated"] }] });
 */
export function testProvider(name: string, harness: Harness): void {
  const results = new Map<string, CaseResult>();
  const timeoutMs = harness.timeoutMs ?? defaultTimeoutMs;

  describe(`conformance of ${name}`, () => {
    it("every skipped test exists", () => {
      const titles = new Set(conformanceCases.map(({ title }) => title));
      const unknown = (harness.skip ?? []).flatMap(({ tests }) => tests).filter((title) => !titles.has(title));
      expect(unknown).toEqual([]);
    });

    for (const behaviour of new Set(conformanceCases.map((one) => one.behaviour))) {
      describe(behaviour, () => {
        for (const one of conformanceCases.filter((other) => other.behaviour === behaviour)) {
          // The case has its own limit, for the call and for the cleanup; Vitest's only backs it up.
          it(one.title, { timeout: timeoutMs * 2 + 5_000 }, async (context) => {
            const result = await runCase(one, harness);
            results.set(one.title, result);
            if (result.outcome === "failed") throw result.error;
            if (result.outcome === "not-applicable") context.skip(`n/a: ${result.reason}`);
            if (result.outcome === "skipped") context.skip(result.reason);
          });
        }
      });
    }

    afterAll(() => {
      // With some tests filtered out, what was found is no whole report.
      if (results.size < conformanceCases.length) return;
      const report = reportOf(name, harness, [...results.values()]);
      writeReport(report);
      console.log(reportLines(report).join("\n"));
    });
  });
}
