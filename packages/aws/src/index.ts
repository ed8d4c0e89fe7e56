export { aws } from "./aws.ts";
export type { AwsCredentialsLike, AwsOptions } from "./aws-options.ts";
export type { AwsProvider } from "./aws-provider.ts";
