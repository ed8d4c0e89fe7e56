import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../scripts/packages.ts";

/** Every file of the repository, also those not committed yet, as paths from its root. */
export function repositoryFiles(): string[] {
  const words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const names = execFileSync("git", words, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 })
    .split("\0")
    .filter(Boolean);
  return names.filter((name) => existsSync(path.join(root, name))).sort();
}

export const read = (name: string): string => readFileSync(path.join(root, name), "utf8");

/** What ships: packages/NAME/src. */
export const sources = (): string[] => repositoryFiles().filter((name) => /^packages\/[^/]+\/src\/.+\.ts$/.test(name));

/** The modules whose code a file loads as soon as it is loaded itself. `import type` loads none, `import { type X }` does. */
export function staticImports(code: string): string[] {
  const statement = /^(?:import|export)\s+(?!type\b)(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']/gm;
  return [...code.matchAll(statement)].map((match) => match[1] as string);
}
