import { SecretsError } from "@keyhold/core";

/** What Key Vault has no way to do, told before anything is sent. */
export function unsupported(what: string, hint: string): SecretsError {
  return new SecretsError("unsupported", what, { provider: "azure", hint });
}
