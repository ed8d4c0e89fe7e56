import { sdkTransport } from "./sdk-transport.ts";
import type { VaultOptions } from "./vault-options.ts";
import { type VaultProvider, vaultProvider } from "./vault-provider.ts";

/**
 * HashiCorp Vault or OpenBao by node-vault, which is loaded at the first call. A path is the one that Vault's CLI takes, mount first:
 * `vault://secret/app`. Both versions of the key-value store are read and written; any other path that answers with data is read, with its
 * lease.
 *
 * @throws SecretsError `invalid-argument` for options out of range; from its methods, every code of `docs/errors.md`.
 * @example
 * const provider = vault({ address: "https://vault.internal:8200", auth: kubernetesAuth({ role: "ml" }) });
 */
export function vault(options: VaultOptions = {}): VaultProvider {
  return vaultProvider(sdkTransport, options);
}
