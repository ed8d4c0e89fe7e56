export { azure } from "./azure.ts";
export type { AzureOptions } from "./azure-options.ts";
export type {
  AzureProvider,
  AzureSecretRecord,
  AzureSecretSummary,
  AzureVersionSummary,
  DeletedSecretSummary,
} from "./azure-provider.ts";
export type { AccessTokenLike, TokenCredentialLike, TokenRequestOptions } from "./token-source.ts";
