export {
  type AzureOptions,
  type AzureProvider,
  type AzureSecretRecord,
  type AzureSecretSummary,
  type AzureVersionSummary,
  azure,
  type DeletedSecretSummary,
} from "./azure.ts";
export type { AccessTokenLike, TokenCredentialLike, TokenRequestOptions } from "./token-source.ts";
