// What held secrets, many secrets and memory cost beside the peers: node test/bench/bench.ts [--no-build]
// Writes results.json and the table of docs/performance.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { buildPackage } from "../../scripts/build.ts";
import { packages } from "../../scripts/packages.ts";
import { measureMemory } from "./warm/measure-memory.ts";
import { writePerformanceTable } from "./warm/performance-table.ts";
import { printRows } from "./warm/print-rows.ts";
import { isFarOff, isHeld, type Row } from "./warm/row.ts";

const needed = ["core", "http", "identity", "aws"];
if (!process.argv.includes("--no-build"))
  for (const owner of packages()) if (needed.includes(owner.folder)) await buildPackage(owner);

/** A process of its own that sees the packages as users do: without the condition that leads to their sources. */
async function measured(program: string): Promise<Row[]> {
  const child = fork(path.join(import.meta.dirname, "warm", program), { execArgv: [] });
  const ended = once(child, "exit").then(() => Promise.reject(new Error(`${program} ended before it told anything`)));
  const [rows] = (await Promise.race([once(child, "message"), ended])) as [Row[]];
  ended.catch(() => {});
  child.disconnect();
  return rows;
}

const rows = [...(await measured("reads.ts")), ...(await measured("fifty.ts")), await measureMemory()];
const bounded = rows.filter(({ bound }) => bound !== null);
console.log(`Node ${process.versions.node}, medians of interleaved rounds, the built packages\n`);
printRows(rows);
console.log(`\n${bounded.filter(isHeld).length} of ${bounded.length} bounds held`);
writeFileSync(path.join(import.meta.dirname, "results.json"), `${JSON.stringify(rows, null, 2)}\n`);
writePerformanceTable(rows, true);
if (rows.some(isFarOff)) process.exitCode = 1;
