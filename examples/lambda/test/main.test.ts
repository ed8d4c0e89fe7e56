import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it.skipIf(process.platform === "win32")(
  "a key rotates while the function is invoked and frozen, and no invocation fails",
  async () => {
    const main = path.join(import.meta.dirname, "../main.ts");
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@keyhold/source", main]);
    const last = stdout.trim().split("\n").at(-1) ?? "";
    const [, failed, invocations, naive] = /^(\d+) of (\d+) failed; naive twin: (\d+) of \d+$/.exec(last) ?? [];
    console.log(`lambda: ${last}`);
    expect(Number(invocations)).toBeGreaterThan(5);
    expect(Number(failed)).toBe(0);
    expect(Number(naive)).toBeGreaterThan(0);
    expect(stdout).not.toContain("sk-demo-");
  },
);
