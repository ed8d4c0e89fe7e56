import { isSecretsError } from "@keyhold/core";
import { parseYaml } from "./parse-yaml.ts";
import { type Literal, sourceError, type Tree } from "./tree.ts";

/** Parses JSON, with the line of every value: JSON is YAML 1.2 with less allowed, so `JSON.parse` checks and YAML reads. */
export async function parseJson(text: string, source: string): Promise<Tree<Literal>> {
  try {
    JSON.parse(text);
  } catch {
    throw sourceError(
      { source, ...(await firstBadLine(text, source)) },
      "not JSON",
      "JSON has no comments and no trailing commas.",
    );
  }
  return await parseYaml(text, source);
}

/** Where the text stops being JSON, as far as the YAML parser can tell. `JSON.parse` tells it only together with the text. */
async function firstBadLine(text: string, source: string): Promise<{ line?: number }> {
  try {
    await parseYaml(text, source);
    return {};
  } catch (error) {
    const line = isSecretsError(error) ? /:(\d+): invalid-argument/.exec(error.message)?.[1] : undefined;
    return line === undefined ? {} : { line: Number(line) };
  }
}
