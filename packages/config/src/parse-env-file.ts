import { parseEnv } from "node:util";
import { type Place, sourceError } from "./tree.ts";
import type { Variable } from "./variables-tree.ts";

/**
 * Parses a `.env` file as Node does, and refuses what Node would cut off without a word: an unquoted `aws://prod/db#password`
 * loses its field, because `#` starts a comment there.
 */
export function parseEnvFile(text: string, source: string): readonly Variable[] {
  const values = parseEnv(text);
  // Where # stands inside a word, another character in its place shows whether parseEnv took it for a comment.
  const stand = unusedCharacter(text);
  const uncut = parseEnv(text.replace(/(?<=\S)#/g, stand));
  return Object.entries(values).map(([name, value]) => {
    const place = { source, ...lineOf(name, text) };
    if (uncut[name]?.replaceAll(stand, "#") !== value) {
      throw sourceError(place, "an unquoted # cuts this value off", `Quote the value: ${name}="…#…"`);
    }
    return { name, value: value as string, place };
  });
}

function unusedCharacter(text: string): string {
  for (let code = 0xe000; ; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) return character;
  }
}

/** The last line that assigns to this name: the one that counts. */
function lineOf(name: string, text: string): Pick<Place, "line"> {
  const lines = text.split(/\r\n|\n|\r/);
  const line = lines.findLastIndex((one) => {
    const equals = one.indexOf("=");
    return (
      equals !== -1 &&
      one
        .slice(0, equals)
        .trim()
        .replace(/^export\s+/, "") === name
    );
  });
  return line === -1 ? {} : { line: line + 1 };
}
