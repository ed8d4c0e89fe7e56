import type { Environment } from "./environment.ts";

/** A path whose `~/` stands for the user's home folder. */
export function homePath(file: string, environment: Environment): string {
  const { join, sep } = process.getBuiltinModule("node:path");
  if (!file.startsWith("~/") && !file.startsWith(`~${sep}`)) return file;
  return join(environment.HOME || environment.USERPROFILE || process.getBuiltinModule("node:os").homedir(), file.slice(2));
}
