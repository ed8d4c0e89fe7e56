// Runs every provider's conformance tests and prints error code × provider: driven, or n/a with its reason. `--only-print` prints
// what the last run found.
import { spawnSync } from "node:child_process";
import { errorCodes } from "@keyhold/core";
import { conformanceReports, shipped, table } from "./conformance-reports.ts";

const onlyPrint = process.argv.includes("--only-print");
const run = onlyPrint
  ? undefined
  : spawnSync("vitest", ["run", "--project", "unit", "-t", "conformance of", "--reporter=minimal"], { stdio: "inherit" });

const reports = conformanceReports();
const reasons: string[] = [];
const cell = (report: (typeof reports)[number], code: (typeof errorCodes)[number]): string => {
  const found = report.codes[code];
  if (found === undefined) return "MISSING";
  if (found.driven) return "driven";
  const at = reasons.indexOf(found.reason ?? "");
  return `n/a ${at === -1 ? reasons.push(found.reason ?? "") : at + 1}`;
};
const rows = errorCodes.map((code) => [code, ...reports.map((report) => cell(report, code))]);
console.log(`\n${table([["code", ...reports.map(({ name }) => name)], ...rows])}\n`);
reasons.forEach((reason, index) => {
  console.log(`n/a ${index + 1}: ${reason}`);
});
const absent = shipped.filter((name) => !reports.some((report) => report.name === name));
if (absent.length > 0) console.log(`not run on this machine yet: ${absent.join(", ")} (Kubernetes: npm run test:kubernetes)`);
const missing = rows.flat().filter((text) => text === "MISSING").length;
console.log(`\n${rows.flat().filter((text) => text === "driven").length} driven, ${missing} missing`);
process.exitCode = (run?.status ?? 0) !== 0 || missing > 0 ? 1 : 0;
