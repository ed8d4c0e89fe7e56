import { isSecretsError, SecretsError } from "./errors.ts";

/**
 * Runs one step of a rotator, for hosts of rotators: what it throws comes out as a `SecretsError`, and of anything else only what
 * cannot quote a value.
 */
export async function runRotatorStep<T>(
  rotator: { readonly kind: string },
  name: string,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isSecretsError(error)) throw error;
    const { code } = (typeof error === "object" && error !== null ? error : {}) as { readonly code?: unknown };
    const known = typeof code === "string" && /^[A-Z0-9_]{2,40}$/.test(code) ? ` (${code})` : "";
    throw new SecretsError("unknown", `the step ${name} of the rotator ${rotator.kind} failed${known}`, {
      hint: "Nothing is lost: what was begun is kept, and rotating again goes on with it.",
    });
  }
}
