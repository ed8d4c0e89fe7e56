// Runs the histories in a process of its own, and prints what came of them as JSON:
//   node run-histories.ts RUNS SEED [shrink]
import { runHistories } from "./histories.ts";

const [runs, seed, shrink] = process.argv.slice(2);

async function main(): Promise<void> {
  const told = await runHistories({ runs: Number(runs), seed: Number(seed), shrink: shrink === "shrink" });
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

void main();
