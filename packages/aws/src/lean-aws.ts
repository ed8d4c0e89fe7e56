import { type Provider, SecretsError } from "@keyhold/core";
import type { AgentOptions } from "./agent-options.ts";
import { agentTransport } from "./agent-transport.ts";
import type { AwsOptions } from "./aws-options.ts";
import { type AwsProvider, awsProvider } from "./aws-provider.ts";
import { leanTransport } from "./lean-transport.ts";

/** Region, credentials and the way to AWS are the agent's own, so nothing else goes with it. */
export interface AgentAwsOptions {
  readonly agent: AgentOptions;
}

/**
 * AWS Secrets Manager without AWS's SDK: the same provider as that of `@keyhold/aws`, for what has to start quickly or to be small.
 * Credentials come from the environment, the shared files, web identity, the container or the instance, by `@keyhold/identity`.
 *
 * With `agent`, a local agent reads instead, and only that: everything else is `unsupported`.
 *
 * @throws SecretsError `invalid-argument` for options out of range; from its methods, the codes that `@keyhold/aws` gives.
 * @example
 * const secrets = createSecrets({ providers: { aws: aws({ region: "eu-west-1" }) } });
 */
export function leanAws(options: AgentAwsOptions): Provider;
export function leanAws(options?: AwsOptions): AwsProvider;
export function leanAws(options: AwsOptions | AgentAwsOptions = {}): Provider {
  if (!("agent" in options)) return awsProvider(leanTransport(options), options);
  if (Object.keys(options).length > 1) {
    throw new SecretsError("invalid-argument", "agent goes with no other option", {
      provider: "aws",
      hint: "Set region and credentials where the agent is started.",
    });
  }
  const { kind, features, read, close } = awsProvider(agentTransport(options.agent), {});
  return { kind, features: { ...features, compareAndSet: false }, read, ...(close && { close }) };
}
