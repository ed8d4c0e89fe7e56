import type { AzureOptions } from "./azure-options.ts";
import { type AzureProvider, azureProvider } from "./azure-provider.ts";
import { sdkTransport } from "./sdk-transport.ts";
import { vaultOrigin } from "./vault-origin.ts";

/**
 * Azure Key Vault by Azure's own SDK, which is loaded at the first call. A path is a secret's name, in which Key Vault ignores case;
 * `?version=` is a version of 32 hexadecimal digits.
 *
 * @throws SecretsError `invalid-argument` for an address that is none.
 * @example
 * const secrets = createSecrets({ providers: { azure: azure({ vaultName: "ml-prod" }) } });
 */
export function azure(options: AzureOptions): AzureProvider {
  return azureProvider(sdkTransport(options), vaultOrigin(options));
}
