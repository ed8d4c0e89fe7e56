// Writes the table behaviour × provider, with every exception and its reason, into docs/providers.md from what the conformance tests
// found. `--check` fails instead of writing where the document says something else, `--print` shows the table and leaves the
// document alone.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { conformanceReports, shipped, table } from "./conformance-reports.ts";

const document = path.join(import.meta.dirname, "..", "docs", "providers.md");
const [begin, end] = ["<!-- conformance: begin -->", "<!-- conformance: end -->"];

const reports = conformanceReports();
const behaviours = [...new Set(reports.flatMap(({ cases }) => cases.map(({ behaviour }) => behaviour)))];
const rows = behaviours.map((behaviour) => [
  behaviour,
  ...reports.map(({ cases }) => {
    const mine = cases.filter((one) => one.behaviour === behaviour);
    const passed = mine.filter(({ outcome }) => outcome === "passed").length;
    const skipped = mine.filter(({ outcome }) => outcome === "skipped").length;
    if (passed === 0 && skipped === 0) return "n/a";
    return skipped === 0 ? `${passed}` : `${passed}, ${skipped} left out`;
  }),
]);
const exceptionsOf = ({ rules, cases }: (typeof reports)[number]): readonly string[] => {
  const byReason = new Map<string, string[]>();
  for (const { outcome, reason = "", title } of cases) {
    if (outcome === "skipped") byReason.set(reason, [...(byReason.get(reason) ?? []), title]);
  }
  const left = [...byReason].map(
    ([reason, titles]) => `- left out: ${titles.map((title) => `“${title}”`).join(", ")}: ${reason}`,
  );
  const na = new Set(cases.filter(({ outcome }) => outcome === "not-applicable").map(({ reason = "" }) => reason));
  return [...rules.map((rule) => `- ${rule}`), ...left, ...[...na].map((reason) => `- n/a: ${reason}`)];
};
const exceptions = reports.map((report) => {
  const mine = exceptionsOf(report);
  // Two transports of one provider share the exceptions of its backend.
  const twin = reports.find(({ name }) => report.name === `${name}-lean`);
  const known = twin === undefined ? [] : exceptionsOf(twin);
  const lines = [...(twin ? [`- as ${twin.name}`] : []), ...mine.filter((line) => !known.includes(line))];
  return `### ${report.name}\n\n${lines.join("\n") || "- no exceptions"}`;
});
const made = `${begin}\n${table([["behaviour", ...reports.map(({ name }) => name)], ...rows])}\n\n${exceptions.join("\n\n")}\n${end}`;

const text = readFileSync(document, "utf8");
const wanted = text.slice(0, text.indexOf(begin)) + made + text.slice(text.indexOf(end) + end.length);
const [check, print] = ["--check", "--print"].map((word) => process.argv.includes(word));
if (!check && !print) writeFileSync(document, wanted);
else if (check && text !== wanted) {
  console.error("docs/providers.md does not say what the conformance tests found: npm run docs:providers");
  process.exitCode = 1;
}
console.log(made);
// Kubernetes has a run of its own.
const absent = shipped.filter((name) => name !== "kubernetes" && !reports.some((report) => report.name === name));
if (absent.length > 0) {
  console.error(`not in the table, as their conformance tests did not run to their end: ${absent.join(", ")}`);
  process.exitCode = 1;
}
