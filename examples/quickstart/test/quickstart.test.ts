import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("rotates a key under load without a failed call, and its naive twin fails", async () => {
  const main = path.join(import.meta.dirname, "../main.ts");
  const run = promisify(execFile)(process.execPath, ["--conditions=@keyhold/source", main]);
  // A run that failed has told why in what it printed.
  const { stdout, stderr } = await run.catch((failed: { stdout: string; stderr: string }) => failed);
  expect(stderr).toBe("");
  const last = stdout.trim().split("\n").at(-1) ?? "";
  const [, calls, failed, naiveFailed] = /^(\d+) calls, (\d+) failed; naive twin: (\d+) failed$/.exec(last) ?? [];
  expect(Number(calls)).toBeGreaterThan(300);
  expect(Number(failed)).toBe(0);
  expect(Number(naiveFailed)).toBeGreaterThan(0);
  expect(stdout).toContain("apiKey: ⟦secret⟧");
  expect(stdout).not.toContain("sk-demo-");
});
