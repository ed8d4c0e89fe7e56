import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("rotates the login to a database under load without a failed request, and its naive twin fails", async () => {
  const main = path.join(import.meta.dirname, "../main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@keyhold/source", main]);
  const last = stdout.trim().split("\n").at(-1) ?? "";
  const [, calls, failed, naive] =
    /^(\d+) requests as app and app_clone, (\d+) failed; naive twin: (\d+) failed$/.exec(last) ?? [];
  expect(Number(calls)).toBeGreaterThan(50);
  expect(Number(failed)).toBe(0);
  expect(Number(naive)).toBeGreaterThan(0);
  expect(stdout).not.toMatch(/first day|postgres:/);
});
