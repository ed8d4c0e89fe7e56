import { existsSync } from "node:fs";
import path from "node:path";
import { SecretsError } from "@keyhold/core";

/** `.mts` comes first: it is a module whatever the nearest package.json says, where `.ts` and `.js` follow its "type". */
export const configExtensions: readonly string[] = [".mts", ".ts", ".js", ".json"];

/**
 * The config file: the one that was named, or the one in this folder. Undefined when there is none. Never one of a folder above,
 * as a config file is code that runs, and what runs should be seen.
 *
 * @throws SecretsError `not-found` for a named one that does not exist, `invalid-argument` for several, or another kind of file.
 */
export function findConfig(folder: string, named: string | undefined): string | undefined {
  if (named !== undefined) {
    const file = path.resolve(folder, named);
    if (!configExtensions.includes(path.extname(file))) {
      throw new SecretsError("invalid-argument", `a config file ends in ${configExtensions.join(", ")}`, {
        hint: "The file of a store or of an identity is an option of local() in the config.",
      });
    }
    if (!existsSync(file)) {
      throw new SecretsError("not-found", `there is no config file ${file}`, { hint: "Check --config, or leave it out." });
    }
    return file;
  }
  const found = configExtensions
    .map((extension) => path.join(folder, `keyhold.config${extension}`))
    .filter((file) => existsSync(file));
  if (found.length > 1) {
    throw new SecretsError(
      "invalid-argument",
      `there is more than one config file: ${found.map((file) => path.basename(file)).join(", ")}`,
      { hint: "Keep one, or say which with --config." },
    );
  }
  return found[0];
}
