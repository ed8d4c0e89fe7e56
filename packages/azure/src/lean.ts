export type {
  AzureProvider,
  AzureSecretRecord,
  AzureSecretSummary,
  AzureVersionSummary,
  DeletedSecretSummary,
} from "./azure-provider.ts";
export { leanAzure as azure } from "./lean-azure.ts";
export type { LeanAzureOptions as AzureOptions } from "./lean-azure-options.ts";
export type { AccessTokenLike, TokenCredentialLike, TokenRequestOptions } from "./token-source.ts";
