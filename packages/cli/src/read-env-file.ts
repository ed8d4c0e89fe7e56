import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { fromFile } from "@keyhold/config";

/**
 * The variables of a `.env` file, as Node itself reads them.
 *
 * @throws SecretsError as `fromFile` does: no such file, not UTF-8, a reference that an unquoted `#` cuts off.
 */
export async function readEnvFile(file: string): Promise<Readonly<Record<string, string>>> {
  // Read for its checks: no variable has this prefix.
  await fromFile(file, { prefix: "\0" }).read(undefined);
  return parseEnv(await readFile(file, "utf8")) as Record<string, string>;
}
