import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type ErrorCode, errorCodes } from "@keyhold/core";
import type { Harness } from "../harness.ts";
import { codeTitle } from "./errors.ts";
import type { CaseResult } from "./run-case.ts";

/** What one provider's run found, as it is written for the tables behaviour × provider and code × provider. */
export interface ConformanceReport {
  readonly name: string;
  /** Where the backend's own rules differ, in words, with their reasons. */
  readonly rules: readonly string[];
  readonly cases: readonly Omit<CaseResult, "error">[];
  readonly codes: { readonly [Code in ErrorCode]?: { readonly driven: boolean; readonly reason?: string } };
}

function rulesOf({ refusedNames, emptyRefused, equalValueKept, maxBytes }: Harness): readonly string[] {
  return [
    ...(refusedNames ? [`names with ${refusedNames.pattern} are refused: ${refusedNames.reason}`] : []),
    ...(emptyRefused ? [`an empty value is refused: ${emptyRefused}`] : []),
    ...(equalValueKept ? [`an equal value makes no new version: ${equalValueKept}`] : []),
    ...(maxBytes === undefined ? [] : [`a value has at most ${maxBytes} bytes`]),
  ];
}

/** Sums up the results of a whole run. */
export function reportOf(name: string, harness: Harness, results: readonly CaseResult[]): ConformanceReport {
  const codes: { [Code in ErrorCode]?: { driven: boolean; reason?: string } } = {};
  for (const code of errorCodes) {
    const result = results.find(({ title }) => title === codeTitle(code));
    if (result?.outcome === "passed") codes[code] = { driven: true };
    else if (result?.reason !== undefined) codes[code] = { driven: false, reason: result.reason };
  }
  return { name, rules: rulesOf(harness), cases: results.map(({ error: _error, ...rest }) => rest), codes };
}

/** The counts in one line, then each exception with its reason: what a reader of the test run has to know. */
export function reportLines({ name, rules, cases, codes }: ConformanceReport): readonly string[] {
  const count = (outcome: CaseResult["outcome"]) => cases.filter((one) => one.outcome === outcome).length;
  const driven = Object.values(codes).filter((code) => code.driven).length;
  const exceptions = new Map<string, string[]>();
  for (const { outcome, reason, title } of cases) {
    if (outcome !== "skipped" && outcome !== "not-applicable") continue;
    const key = `${outcome === "skipped" ? "skipped" : "n/a"}: ${reason}`;
    exceptions.set(key, [...(exceptions.get(key) ?? []), title]);
  }
  return [
    `conformance ${name}: ${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped, ` +
      `${count("not-applicable")} n/a; ${driven} of ${errorCodes.length} error codes driven`,
    ...rules.map((rule) => `  ${rule}`),
    ...[...exceptions].map(([reason, titles]) => `  ${reason} (${titles.length === 1 ? titles[0] : `${titles.length} tests`})`),
  ];
}

/** Writes the report to `$KEYHOLD_CONFORMANCE_DIRECTORY`, by default node_modules/.cache/keyhold/conformance, as NAME.json. */
export function writeReport(report: ConformanceReport): void {
  const directory =
    process.env.KEYHOLD_CONFORMANCE_DIRECTORY ?? path.join(process.cwd(), "node_modules", ".cache", "keyhold", "conformance");
  mkdirSync(directory, { recursive: true });
  const file = `${report.name.replaceAll(/[^\w.-]+/g, "-")}.json`;
  writeFileSync(path.join(directory, file), `${JSON.stringify(report, undefined, 2)}\n`);
}
