export { type ApiKeyAuthOptions, apiKeyAuth } from "./api-key-auth.ts";
export type { ConjurAuth } from "./auth.ts";
export { type AzureAuthOptions, azureAuth } from "./azure-auth.ts";
export { type ConjurIdentity, type ConjurOptions, type ConjurProvider, conjur } from "./conjur.ts";
export { type GcpAuthOptions, gcpAuth } from "./gcp-auth.ts";
export { type IamAuthOptions, iamAuth } from "./iam-auth.ts";
export { type JwtAuthOptions, jwtAuth } from "./jwt-auth.ts";
export type { CreatedRole, LoadedPolicy, Policies } from "./policies.ts";
