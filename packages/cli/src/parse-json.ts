import { SecretsError } from "@keyhold/core";

/**
 * Parses a file that may hold credentials.
 *
 * @throws SecretsError `invalid-argument` that names the file and the line, and repeats nothing of the text.
 */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message repeats the text around the mistake; the number in it does not.
    const position = / at position (\d+)/.exec((error as Error).message)?.[1];
    const line = position === undefined ? "" : `, line ${text.slice(0, Number(position)).split("\n").length}`;
    throw new SecretsError("invalid-argument", `${name}: not well-formed JSON${line}`, {
      hint: "JSON has no comments and no comma before } or ].",
    });
  }
}
