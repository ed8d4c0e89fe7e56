// From the start of a process to its first secret: node test/bench/cold.ts [--rounds 15] [--only TEXT]
// Fewer rounds tell whether something broke; the figures that the documents show are of fifteen or more.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildPackage } from "../../scripts/build.ts";
import { entries, type Package, packages, root } from "../../scripts/packages.ts";
import { type Comparison, comparisons, median, rounded } from "./cold/comparisons.ts";
import { type Measured, measure, startColdServer } from "./cold/measure.ts";
import { prepareProgram } from "./cold/prepare-programs.ts";
import { allPrograms } from "./cold/programs.ts";
import { bound as importBound, measureImports } from "./import-cost.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, only: { type: "string" }, "no-build": { type: "boolean" } },
});
const roundsToShow = 15;
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds is a number from 1");

const needed = ["core", "http", "identity", "aws", "azure", "gcp", "vault"];
const owners = new Map(packages().map((owner) => [owner.folder, owner]));

/** The core's import beside an empty process, as two comparisons: time and memory. */
function importComparisons(): Comparison[] {
  const core = owners.get("core") as Package;
  const [empty, , { ms, megabytes, over }] = measureImports(path.join(core.directory, "dist/index.js"), 2 * rounds + 1);
  const row = (name: string, base: number, more: number, most: number): Comparison => ({
    name,
    program: "import @keyhold/core",
    ours: rounded(base + more),
    peers: { "an empty process": rounded(base) },
    ratio: rounded(1 + more / base, 3),
    bound: rounded(1 + most / base, 3),
  });
  return [
    row('import "@keyhold/core", ms', ms - over.ms, over.ms, importBound.ms),
    row('import "@keyhold/core", MB', empty.megabytes, megabytes - empty.megabytes, importBound.megabytes),
  ];
}

function printPrograms(found: ReadonlyMap<string, Measured>): void {
  const empty = found.get("empty") as Measured;
  console.log(`${"program".padEnd(38)}      ms  × empty   CPU ms  peak MB  round trips`);
  for (const [name, { ms, cpuMs, megabytes, trips }] of found) {
    const ratio = median(ms.map((one, round) => one / (empty.ms[round] as number)));
    const columns = [ratio.toFixed(2), median(cpuMs).toFixed(1), median(megabytes).toFixed(0)].map((text) => text.padStart(8));
    console.log(`${name.padEnd(38)} ${median(ms).toFixed(1).padStart(7)} ${columns.join(" ")} ${String(trips).padStart(12)}`);
  }
}

function printComparisons(results: readonly Comparison[]): void {
  console.log(`\n${"comparison".padEnd(66)}    ours   peer   ratio   bound`);
  for (const { name, ours, peers, ratio, bound } of results) {
    const [peer = 0, ...beside] = Object.values(peers);
    const verdict = bound === null ? "" : ratio <= bound ? "held" : `NOT HELD, by ${((ratio / bound - 1) * 100).toFixed(0)} %`;
    const other = beside.length === 0 ? "" : `  (by hand ${beside.map((ms) => (ms / peer).toFixed(2)).join(", ")})`;
    const columns = [ours.toFixed(1), peer.toFixed(1), ratio.toFixed(2)].map((text) => text.padStart(7));
    console.log(`${name.padEnd(66)} ${columns.join(" ")} ${(bound?.toFixed(2) ?? "–").padStart(7)}  ${verdict}${other}`);
  }
}

async function main(): Promise<void> {
  if (values["no-build"] !== true) for (const folder of needed) await buildPackage(owners.get(folder) as Package);
  const folder = path.join(root, "node_modules/.cache/keyhold", `cold-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const programs = allPrograms((cloud) => "lean" in entries(owners.get(cloud) as Package)).filter(
      ({ name }) => name === "empty" || values.only === undefined || name.includes(values.only),
    );
    const prepared = new Map(programs.map((program) => [program.name, prepareProgram(program, folder)]));
    const server = await startColdServer(folder);
    try {
      const found = await measure(prepared, rounds, server);
      console.log(`Node ${process.versions.node}, medians of ${rounds} interleaved rounds, HTTPS on loopback\n`);
      printPrograms(found);
      const results = [...comparisons(found), ...(values.only === undefined ? importComparisons() : [])];
      printComparisons(results);
      const held = results.filter(({ ratio, bound }) => bound !== null && ratio <= bound).length;
      console.log(`\n${held} of ${results.filter(({ bound }) => bound !== null).length} bounds held`);
      // A machine that others use measures wrong by more than a tenth now and then.
      if (results.some(({ ratio, bound }) => bound !== null && ratio > 1.5 * bound)) process.exitCode = 1;
      const file = path.join(import.meta.dirname, "results-cold.json");
      if ((values.only === undefined && rounds >= roundsToShow) || !existsSync(file))
        writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
    } finally {
      server.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
