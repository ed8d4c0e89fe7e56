import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const main = path.join(import.meta.dirname, "../main.ts");

it("rotates a key under load without a failed call, and its naive twin fails", async () => {
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

it.skipIf(process.platform === "win32")("leaves no key and no process behind when it is interrupted", async () => {
  const temporary = await mkdtemp(path.join(tmpdir(), "keyhold-interrupted-"));
  try {
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, ["--conditions=@keyhold/source", main], { env, stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    for await (const text of child.stdout.setEncoding("utf8")) {
      printed += text;
      if (!printed.includes("rotation 1")) continue;
      expect(await readdir(temporary)).not.toEqual([]);
      child.kill("SIGINT");
      break;
    }
    const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
    expect(code).toBe(130);
    expect(await readdir(temporary)).toEqual([]);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
});
