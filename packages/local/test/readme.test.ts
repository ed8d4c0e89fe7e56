import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "./temporary-store.ts";

it("the programs in the README run", () => {
  const root = path.join(import.meta.dirname, "..");
  const programs = [...readFileSync(path.join(root, "README.md"), "utf8").matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!);
  expect(programs).toHaveLength(2);
  const folder = temporaryFolder();
  const env = {
    ...process.env,
    KEYHOLD_IDENTITY: "",
    KEYHOLD_IDENTITY_FILE: path.join(folder, "config/identity.txt"),
    KEYHOLD_STORE: path.join(folder, "keyhold.age"),
  };
  try {
    for (const program of programs) {
      const options = ["--conditions=@keyhold/source", "--input-type=module", "--eval", program];
      const { status, stderr, stdout } = spawnSync(process.execPath, options, { cwd: root, env, encoding: "utf8" });
      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(stdout).toMatch(/^7 1-[0-9a-z]{5}\n$|age1[0-9a-z]{58}/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
