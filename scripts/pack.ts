// Packs every built package into a folder, as a release publishes it: node scripts/pack.ts FOLDER
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "./packages.ts";

/** The version that scripts/run.mjs installs with; a test holds the two together. */
const pnpm = "pnpm@12.21.0";

/** pnpm alone replaces `workspace:` and `catalog:` and applies `publishConfig`. Gives the paths of the tarballs. */
export async function packAll(folder: string): Promise<string[]> {
  const command = ["-y", pnpm, "--recursive", "--filter", "./packages/*", "pack", "--pack-destination", path.resolve(folder)];
  await promisify(execFile)("npx", command, { cwd: root, shell: process.platform === "win32", maxBuffer: 2 ** 26 });
  return readdirSync(folder)
    .filter((name) => name.endsWith(".tgz"))
    .sort()
    .map((name) => path.join(folder, name));
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error("which folder?");
  for (const tarball of await packAll(folder)) console.log(tarball);
}
