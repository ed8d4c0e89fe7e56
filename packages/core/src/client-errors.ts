import { isSecretsError, SecretsError } from "./errors.ts";
import { driverError } from "./read-many.ts";
import type { GetOptions } from "./secrets.ts";
import type { Target } from "./target.ts";

/** What a caller used, as an error names it. */
export type Named = Pick<Target, "provider" | "reference">;

export const closedError = (): SecretsError =>
  new SecretsError("closed", "these secrets are closed", { hint: "close() was called; make another client to go on." });

/** The failure as this caller sees it: with the name and the reference that the caller used. */
export function namedError(error: unknown, { provider, reference }: Named, kind: string): SecretsError {
  const known = driverError(error, kind);
  return new SecretsError(known.code, known.message, { ...known, provider, reference });
}

export const refusedField = ({ provider, reference }: Named): SecretsError =>
  new SecretsError("invalid-argument", "a secret is written whole, so the reference must not name a field", {
    provider,
    reference,
    hint: "Leave the part after the # out, and put the whole object.",
  });

export const refusedVersion = ({ provider, reference }: Named): SecretsError =>
  new SecretsError("invalid-argument", "a version is given by the backend, so none can be written", {
    provider,
    reference,
    hint: "Leave ?version= out; { ifVersion } writes only over that version.",
  });

/** `undefined` where the caller said that absence is fine, otherwise the error again. */
export function unlessOptional(error: unknown, options: GetOptions): undefined {
  if (options.optional && isSecretsError(error, "not-found")) return undefined;
  throw error;
}

/** Many failures as one: all of them in its message and in `errors`. */
export function combinedError(errors: readonly SecretsError[], total: number): SecretsError {
  const first = errors[0] as SecretsError;
  if (errors.length === 1) return first;
  const lines = errors.map((error) => `  ${error.reference ?? "a reference"}: ${error.code}: ${error.message}`);
  return new SecretsError(
    errors.every((error) => error.code === first.code) ? first.code : "unknown",
    `${errors.length} of ${total} references failed:\n${lines.join("\n")}`,
    {
      errors,
      retryable: errors.every((error) => error.retryable),
      hint: "errors has each failure; { settle: true } gives them in place.",
    },
  );
}
