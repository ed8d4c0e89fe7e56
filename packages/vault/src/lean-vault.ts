import { leanTransport } from "./lean-transport.ts";
import type { VaultOptions } from "./vault-options.ts";
import { type VaultProvider, vaultProvider } from "./vault-provider.ts";

/**
 * The same provider as that of `@keyhold/vault`, with the same options, and without node-vault: for what has to start quickly.
 *
 * @throws SecretsError `invalid-argument` for options out of range; from its methods, every code of `docs/errors.md`.
 * @example
 * const provider = vault({ address: "https://vault.internal:8200", auth: appRoleAuth({ roleId, secretId }) });
 */
export function leanVault(options: VaultOptions = {}): VaultProvider {
  return vaultProvider(leanTransport, options);
}
