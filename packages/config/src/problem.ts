import { type ErrorCode, SecretsError, type SecretsErrorOptions } from "@keyhold/core";
import { type Place, pathText, placeText } from "./tree.ts";

/** One thing that is wrong with the configuration: `config.yaml:3 openai.apiKey: not-found: …`. */
export function problem(
  place: Place | undefined,
  path: readonly string[],
  code: ErrorCode,
  message: string,
  options: SecretsErrorOptions = {},
): SecretsError {
  const where = [place && placeText(place), path.length === 0 ? "(whole configuration)" : pathText(path)]
    .filter(Boolean)
    .join(" ");
  return new SecretsError(code, `${where}: ${code}: ${message}`, options);
}

/** The same for what failed with a `SecretsError` of its own. */
export const problemFrom = (error: SecretsError, place: Place, path: readonly string[], reference?: string): SecretsError =>
  problem(place, path, error.code, error.message, { ...error, ...(reference === undefined ? {} : { reference }) });

/** All that is wrong, as one error: a line for each, and `errors` with a hint for each. */
export function configError(errors: readonly SecretsError[]): SecretsError {
  const [first, ...others] = errors as readonly [SecretsError, ...SecretsError[]];
  if (others.length === 0) return new SecretsError(first.code, first.message, { ...first, errors });
  const alike = others.every((error) => error.code === first.code);
  const lines = errors.map((error) => `  ${error.message}`).join("\n");
  return new SecretsError(alike ? first.code : "invalid-argument", `${errors.length} problems in the configuration:\n${lines}`, {
    errors,
    retryable: errors.every((error) => error.retryable),
    hint: "errors has a hint for each.",
  });
}
