import { type AzureProvider, azureProvider } from "./azure-provider.ts";
import type { LeanAzureOptions } from "./lean-azure-options.ts";
import { leanTransport } from "./lean-transport.ts";
import { vaultOrigin } from "./vault-origin.ts";

/**
 * The same provider as that of `@keyhold/azure`, without Azure's SDKs: for what has to start quickly, or to be small. By default it
 * signs in as the workload; developer tools such as the Azure CLI are no part of it.
 *
 * @throws SecretsError `invalid-argument` for an address that is none.
 * @example
 * const secrets = createSecrets({ providers: { azure: azure({ vaultName: "ml-prod" }) } });
 */
export function leanAzure(options: LeanAzureOptions): AzureProvider {
  return azureProvider(leanTransport(options), vaultOrigin(options));
}
