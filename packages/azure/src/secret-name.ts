import { type Locator, SecretsError } from "@keyhold/core";
import { unsupported } from "./unsupported.ts";

const invalid = (message: string, hint: string) => new SecretsError("invalid-argument", message, { provider: "azure", hint });

/**
 * Checks a name before anything is sent.
 * https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers
 */
export function secretName(path: string): string {
  if (/^[0-9a-zA-Z-]{1,127}$/.test(path)) return path;
  throw invalid(
    "this is no name of a secret in Key Vault",
    "A name has letters, digits and hyphens, at most 127: db-password, not db/password or db_password.",
  );
}

/** Name and version of what is read, checked. */
export function secretVersion({ path, version, stage }: Locator): readonly [name: string, version: string | undefined] {
  const name = secretName(path);
  if (stage !== undefined) throw unsupported("Key Vault has no stages", "Name a version, or none.");
  if (version === undefined || /^[0-9a-f]{32}$/i.test(version)) return [name, version];
  throw invalid("this is no version of a secret in Key Vault", "A version has 32 hexadecimal digits; versions() lists them.");
}
