// Runs the long proofs of rotation, and closes with one table: what, the figure, and what the naive twin came to. `--only-print` prints
// what the last run found.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { type Figure, figuresFolder, type Row, rows } from "../test/rotation/figures.ts";
import { table } from "./conformance-reports.ts";

const onlyPrint = process.argv.includes("--only-print");
// What an earlier run found says nothing about this one.
if (!onlyPrint) rmSync(figuresFolder, { recursive: true, force: true });
const run = onlyPrint
  ? undefined
  : spawnSync(process.execPath, [path.join(import.meta.dirname, "test.ts"), "rotation"], { stdio: "inherit" });

type Found = { readonly row: Row } & Partial<Figure>;
const found: readonly Found[] = existsSync(figuresFolder)
  ? readdirSync(figuresFolder)
      .sort()
      .map((name) => JSON.parse(readFileSync(path.join(figuresFolder, name), "utf8")))
  : [];
const told = (row: string, key: keyof Figure) => {
  const texts = found.flatMap((one) => (one.row === row && one[key] !== undefined ? [one[key]] : []));
  return texts.length === 0 ? undefined : texts.join("; ");
};
const missing = Object.keys(rows).filter((row) => told(row, "figure") === undefined);
const lines = Object.entries(rows).map(([row, what]) => [what, told(row, "figure") ?? "NOT RUN", told(row, "control") ?? ""]);
console.log(`\n${table([["what", "figure", "control"], ...lines])}`);
process.exitCode = (run?.status ?? 0) !== 0 || missing.length > 0 ? 1 : 0;
