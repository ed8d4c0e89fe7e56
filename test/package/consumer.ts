import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { buildPackage } from "../../scripts/build.ts";
import { packAll } from "../../scripts/pack.ts";
import { packages, root } from "../../scripts/packages.ts";

export const run = promisify(execFile);

/** A folder with the tarballs of all packages, freshly built. */
export async function packedPackages(): Promise<{ folder: string; tarballs: string[] }> {
  for (const owner of packages()) await buildPackage(owner);
  const folder = mkdtempSync(path.join(tmpdir(), "keyhold-package-"));
  return { folder, tarballs: await packAll(folder) };
}

/** An empty project that installed these tarballs, and whatever they depend on, with npm. */
export async function consumer(
  folder: string,
  name: string,
  tarballs: readonly string[],
  flags: readonly string[] = [],
): Promise<string> {
  const project = path.join(folder, name);
  mkdirSync(project);
  writeFileSync(path.join(project, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  await run("npm", ["install", ...quiet, ...flags, ...tarballs], { cwd: project, shell: process.platform === "win32" });
  return project;
}

/** The Node that the workspace pins for this major version, or undefined where npm has none for this platform. */
export function pinnedNode(major: 22 | 24): string | undefined {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const folder = path.join(root, "node_modules", `node-${major}-${platform}-${process.arch}`, "bin");
  const program = path.join(folder, process.platform === "win32" ? "node.exe" : "node");
  return existsSync(program) ? program : undefined;
}
