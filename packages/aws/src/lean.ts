export type { AgentOptions } from "./agent-options.ts";
export type { AwsCredentialsLike, AwsOptions } from "./aws-options.ts";
export type { AwsProvider } from "./aws-provider.ts";
export { type AgentAwsOptions, leanAws as aws } from "./lean-aws.ts";
