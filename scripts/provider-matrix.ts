// Writes the table behaviour × provider, with every exception and its reason, into docs/providers.md from what the conformance tests
// found. `--check` fails instead of writing where the document says something else.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { conformanceReports, table } from "./conformance-reports.ts";

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
const exceptions = reports.map(({ name, rules, cases }) => {
  const byReason = new Map<string, string[]>();
  for (const { outcome, reason = "", title } of cases) {
    if (outcome === "skipped") byReason.set(reason, [...(byReason.get(reason) ?? []), title]);
  }
  const left = [...byReason].map(
    ([reason, titles]) => `- left out: ${titles.map((title) => `“${title}”`).join(", ")}: ${reason}`,
  );
  const na = [...new Set(cases.filter(({ outcome }) => outcome === "not-applicable").map(({ reason = "" }) => reason))];
  const lines = [...rules.map((rule) => `- ${rule}`), ...left, ...(na.length > 0 ? [`- n/a: ${na.join("; ")}`] : [])];
  return `### ${name}\n\n${lines.join("\n") || "- no exceptions"}`;
});
const made = `${begin}\n${table([["behaviour", ...reports.map(({ name }) => name)], ...rows])}\n\n${exceptions.join("\n\n")}\n${end}`;

const text = readFileSync(document, "utf8");
const wanted = text.slice(0, text.indexOf(begin)) + made + text.slice(text.indexOf(end) + end.length);
if (!process.argv.includes("--check")) writeFileSync(document, wanted);
else if (text !== wanted) {
  console.error("docs/providers.md does not say what the conformance tests found: npm run docs:providers");
  process.exitCode = 1;
}
console.log(made);
