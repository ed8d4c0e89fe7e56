import { isSecretsError, type SecretsError } from "@keyhold/core";

/** The `SecretsError` that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<SecretsError> {
  try {
    await promise;
  } catch (error) {
    if (isSecretsError(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
