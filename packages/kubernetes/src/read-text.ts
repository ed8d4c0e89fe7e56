import { readFile } from "node:fs/promises";
import { type ErrorCode, SecretsError } from "@keyhold/core";

const problems: Readonly<Record<string, string>> = {
  ENOENT: "is not there",
  ENOTDIR: "is not there",
  EACCES: "may not be read by this process",
  EPERM: "may not be read by this process",
  EISDIR: "is a folder",
};

/** A small text file. What cannot be read is an error of this code, never retryable. */
export async function readText(file: string, what: string, code: ErrorCode): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const system = String((error as { readonly code?: unknown }).code);
    throw new SecretsError(code, `${what} ${file} ${problems[system] ?? `cannot be read (${system})`}`, {
      provider: "kubernetes",
      retryable: false,
      hint: "Check the path, the mount and the mode of the file.",
    });
  }
}
