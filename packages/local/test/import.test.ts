import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, it } from "vitest";

it("importing the package loads neither the age library, nor SQLite, nor node:crypto", () => {
  const program = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import("@keyhold/local");
    const builtins = process.moduleLoadList.filter((name) => /^NativeModule (sqlite|crypto|http|https)$/.test(name));
    console.log(JSON.stringify([...loaded.filter((url) => /age-encryption|@noble/.test(url)), ...builtins]));`;
  const options = ["--conditions=@keyhold/source", "--input-type=module", "--eval", program];
  const { stdout, stderr } = spawnSync(process.execPath, options, {
    cwd: path.join(import.meta.dirname, ".."),
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual([]);
});
