import { SecretsError } from "@keyhold/core";
import { readTextFile } from "./read-text-file.ts";

/**
 * The text of a file that holds a credential, without the line break at its end.
 *
 * @throws SecretsError `unauthenticated` when it cannot be read or is empty. Neither its path nor its text is told: a variable that
 * should hold a path may hold the credential.
 */
export async function readCredentialFile(path: string, what: string): Promise<string> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    const reason = typeof code === "string" && /^[A-Z_]{1,32}$/.test(code) ? ` (${code})` : "";
    throw new SecretsError("unauthenticated", `the file of ${what} cannot be read${reason}`, {
      hint: "Check its path, and that this process may read it.",
    });
  }
  if (text.trim() !== "") return text.trim();
  throw new SecretsError("unauthenticated", `the file of ${what} is empty`, { hint: "Check what writes it." });
}

/** JSON text as an object. @throws SecretsError `invalid-argument`, which repeats nothing of it. */
export function parseCredentialJson(text: string, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message repeats what it could not read.
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new SecretsError("invalid-argument", `${what} is not a JSON object`, { hint: "Check that it is the whole file." });
}
