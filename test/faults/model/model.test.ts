import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { runHistories, type Told } from "./histories.ts";
import { type Mutant, mutants, withMistake } from "./mutants.ts";

const run = promisify(execFile);
const folder = import.meta.dirname;
const runs = Number(process.env.KEYHOLD_RUNS ?? 300);
// The same histories each time, unless another seed is asked for.
const seed = Number(process.env.KEYHOLD_SEED ?? 1);

it("does in every history what a simple model of its rules says", async () => {
  const { histories, operations, failure } = await runHistories({ runs, seed, shrink: true });
  const counts = Object.entries(operations).sort(([, a], [, b]) => b - a);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  console.log(`model: ${histories} histories, ${total} operations (${counts.map(([name, n]) => `${name} ${n}`).join(", ")})`);
  expect(failure).toBeUndefined();
  expect(histories).toBe(runs);
});

/** Runs the same histories against the core with one mistake in it, in a process of its own. */
async function historiesOf({ name }: Mutant): Promise<Told> {
  const preload = path.join(folder, "mutate.ts");
  const program = path.join(folder, "run-histories.ts");
  const flags = ["--conditions=@keyhold/source", "--import", preload];
  const env = { ...process.env, KEYHOLD_MUTANT: name };
  const { stdout } = await run(process.execPath, [...flags, program, "2000", String(seed)], { env, timeout: 500_000 });
  return JSON.parse(stdout) as Told;
}

it("catches six mistakes that caches make", async () => {
  const caught: string[] = [];
  const missed: string[] = [];
  // One after the other: each keeps a core busy.
  for (const mutant of mutants) {
    const { failure, histories } = await historiesOf(mutant);
    if (failure === undefined) missed.push(mutant.name);
    else caught.push(`  ${mutant.name}: history ${histories}: ${failure.split("\n")[0]?.replace("Error: ", "")}`);
  }
  console.log(`mutants: ${caught.length} of ${mutants.length} caught\n${caught.join("\n")}`);
  expect(missed).toEqual([]);
  expect(caught).toHaveLength(6);
});

it("takes no mutant for caught whose place is no longer in the source", () => {
  const [mutant] = mutants as readonly [Mutant];
  expect(withMistake(`a; ${mutant.replace} b;`, mutant)).toBe(`a; ${mutant.by} b;`);
  for (const source of ["", `${mutant.replace} ${mutant.replace}`])
    expect(() => withMistake(source, mutant)).toThrow("does not hold exactly once");
});
