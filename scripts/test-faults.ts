// Runs every proof by fault at its full length, and prints the figures.
import { spawnSync } from "node:child_process";

const run = spawnSync("vitest", ["run", "--project", "faults", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { KEYHOLD_RUNS: "5000", ...process.env, KEYHOLD_SLOW: "1" },
});
process.exitCode = run.status ?? 1;
