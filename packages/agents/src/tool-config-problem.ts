import { SecretsError } from "@keyhold/core";
import { isLiteralCredential } from "./literal-credential.ts";

/** A path as it is told. A key may be anything, also a credential that stands in the wrong place. */
export function pathText(path: readonly string[]): string {
  return path.map((key) => (isLiteralCredential(key) ? "…" : key)).join(".") || "the tool config";
}

/** The same error with the place where it happened. */
export const problemAt = (path: readonly string[], error: SecretsError): SecretsError =>
  new SecretsError(error.code, `${pathText(path)}: ${error.message}`, { ...error });

/** All that is wrong, as one error: a line for each, and `errors` with a hint for each. */
export function toolConfigError(problems: readonly SecretsError[]): SecretsError {
  const [first, ...others] = problems as readonly [SecretsError, ...SecretsError[]];
  if (others.length === 0) return first;
  const lines = problems.map(({ message }) => `  ${message}`).join("\n");
  const code = others.every((error) => error.code === first.code) ? first.code : "invalid-argument";
  return new SecretsError(code, `${problems.length} problems in the tool config:\n${lines}`, {
    errors: problems,
    hint: "errors has a hint for each.",
  });
}
