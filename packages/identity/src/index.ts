export type { AwsCredentialProvider, AwsCredentials } from "./aws-credentials.ts";
export type { AwsRequest } from "./canonical-aws-request.ts";
export { type EnvironmentAwsOptions, environmentAwsCredentials } from "./environment-aws-credentials.ts";
export { type SharedFileAwsOptions, sharedFileAwsCredentials } from "./shared-file-aws-credentials.ts";
export { type AwsPresigningOptions, type AwsSigningOptions, presignAwsRequest, signAwsRequest } from "./sign-aws-request.ts";
export { staticAwsCredentials } from "./static-aws-credentials.ts";
