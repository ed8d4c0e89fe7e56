// Writes the figures of results.json into docs/performance.md, as `npm run bench` does at its end. `--check` fails instead of writing
// where the document says something else.
import { readFileSync } from "node:fs";
import path from "node:path";
import { writePerformanceTable } from "./warm/performance-table.ts";

const check = process.argv.includes("--check");
const rows = JSON.parse(readFileSync(path.join(import.meta.dirname, "results.json"), "utf8"));
if (!writePerformanceTable(rows, !check) && check) {
  console.error(
    "docs/performance.md does not say what results.json does: node scripts/run.mjs node test/bench/performance-table.ts",
  );
  process.exitCode = 1;
}
