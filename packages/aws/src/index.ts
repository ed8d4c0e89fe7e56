export { type AwsCredentialsLike, type AwsOptions, type AwsProvider, aws } from "./aws.ts";
