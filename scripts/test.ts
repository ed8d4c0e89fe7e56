// Runs a named set of checks one after the other, whatever fails, and closes with the sum of all: `N passed, N failed, N skipped`.
//   node scripts/test.ts [quick|slow|faults|examples|kubernetes|PROJECT ...]
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Counts } from "./count-tests.ts";

interface Check {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const vitest = (
  projects: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  folders: readonly string[] = [],
): Check => ({
  name: `tests: ${[...projects, ...folders].join(", ")}`,
  command: [
    "vitest",
    "run",
    ...folders,
    ...projects.flatMap((project) => ["--project", project]),
    "--reporter=default",
    "--reporter=./scripts/count-tests.ts",
  ],
  environment,
});

/** Behaviour × provider, with every exception: what the conformance tests have just found. */
const matrix: Check = { name: "conformance: behaviour × provider", command: ["node", "scripts/provider-matrix.ts", "--print"] };

const quick: readonly Check[] = [
  { name: "types", command: ["tsc", "--noEmit"] },
  { name: "lint and format", command: ["biome", "check", "."] },
  vitest(["unit", "leak", "agents", "repository", "integration", "examples"]),
  matrix,
];

/** What has more to show when there is time: properties run ten thousand times, stores are killed hundreds of times. */
const thorough = ["core", "config", "local", "identity"].map((name) => `packages/${name}/`);

/** What takes longer, and what only CI needs to know. */
const slow: readonly Check[] = [
  { name: "unused files, exports and dependencies", command: ["knip"] },
  vitest(["unit"], { KEYHOLD_SLOW: "1", KEYHOLD_RUNS: "10000" }, thorough),
  vitest(["servers"]),
  vitest(["integration"], { KEYHOLD_SLOW: "1" }),
  vitest(["package"]),
  { name: "bench: import", command: ["node", "--conditions=@keyhold/source", "test/bench/import.ts"] },
];

const words = process.argv.slice(2);
const named: Readonly<Record<string, readonly Check[]>> = {
  quick,
  slow,
  faults: [vitest(["faults"], { KEYHOLD_SLOW: "1", KEYHOLD_RUNS: process.env.KEYHOLD_RUNS ?? "5000" })],
  examples: [vitest(["examples", "examples-long"], { KEYHOLD_SLOW: "1" }), vitest(["examples-load"])],
  kubernetes: [vitest(["kubernetes"]), matrix],
};
const checks = named[words[0] ?? "quick"] ?? [vitest(words)];
const folder = mkdtempSync(path.join(tmpdir(), "keyhold-counts-"));
const total: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
const lines: string[] = [];

for (const { name, command, environment } of checks) {
  console.log(`\n── ${name}`);
  const file = path.join(folder, "counts");
  writeFileSync(file, "");
  const startedAt = Date.now();
  const [program, ...rest] = command;
  const run = spawnSync(program as string, rest, {
    stdio: "inherit",
    env: { ...process.env, ...environment, KEYHOLD_COUNTS: file },
  });
  const counted = readFileSync(file, "utf8").split("\n").filter(Boolean);
  const counts: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const line of counted) {
    const one = JSON.parse(line) as Counts;
    for (const key of ["passed", "failed", "skipped"] as const) counts[key] += one[key];
    counts.failures.push(...one.failures);
  }
  // A check that counts nothing is one test; a run that failed without a failed test is one failure.
  if (counted.length === 0 && run.status === 0) counts.passed += 1;
  if (run.status !== 0 && counts.failed === 0) {
    counts.failed += 1;
    counts.failures.push(run.signal ? `${name}: ended by ${run.signal}` : `${name}: exit code ${run.status}`);
  }
  for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
  total.failures.push(...counts.failures);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
  lines.push(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`);
}

const together = process.env.KEYHOLD_TOTALS;
if (together) writeFileSync(together, `${JSON.stringify(total)}\n`, { flag: "a" });
rmSync(folder, { recursive: true, force: true });
const failures = total.failures.map((failure) => `failed: ${failure}\n`).join("");
console.log(`\n${lines.join("\n")}\n${failures}\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
