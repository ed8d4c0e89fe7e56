export type { AgentOptions } from "./agent-options.ts";
export type { AwsCredentialsLike, AwsOptions } from "./aws-options.ts";
export type { AwsProvider } from "./aws-provider.ts";
export type { LambdaContext, LambdaOptions, LambdaReferences } from "./lambda-options.ts";
export { type AgentAwsOptions, leanAws as aws } from "./lean-aws.ts";
export { type SecretsMiddleware, secretsMiddleware } from "./secrets-middleware.ts";
export { withSecrets } from "./with-secrets.ts";
