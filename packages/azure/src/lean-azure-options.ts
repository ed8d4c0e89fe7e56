import type { AccessTokens } from "@keyhold/identity";
import type { AzureOptions } from "./azure-options.ts";
import type { TokenCredentialLike } from "./token-source.ts";

/** As of `@keyhold/azure`, but for where tokens come from by default. */
export interface LeanAzureOptions extends Omit<AzureOptions, "credential"> {
  /**
   * What `azureTokens` of `@keyhold/identity` or one like it gives, any credential of `@azure/identity`, or whatever else gives tokens.
   * Default: `azureTokens()`, which is this workload's identity: environment, workload identity, managed identity.
   */
  readonly credential?: TokenCredentialLike | AccessTokens;
}
