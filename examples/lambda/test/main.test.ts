import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const main = path.join(import.meta.dirname, "../main.ts");

it.skipIf(process.platform === "win32")(
  "a key rotates while the function is invoked and frozen, and no invocation fails",
  async () => {
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

it.skipIf(!existsSync("/proc/self/cmdline"))("leaves no frozen sandbox and no folder behind when it is interrupted", async () => {
  const temporary = await mkdtemp(path.join(tmpdir(), "keyhold-interrupted-"));
  // The bundles lie in that folder, so it stands in the command lines of the sandboxes.
  const sandboxes = () =>
    readdirSync("/proc").filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(temporary);
      } catch {
        return false;
      }
    });
  try {
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, ["--conditions=@keyhold/source", main], { env, stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    await expect.poll(() => printed).toContain("rotation 1");
    await expect.poll(sandboxes).toHaveLength(2);
    child.kill("SIGINT");
    expect((await exited)[0]).toBe(130);
    await expect.poll(sandboxes).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
});
