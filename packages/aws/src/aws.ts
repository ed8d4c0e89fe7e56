import type { AwsOptions } from "./aws-options.ts";
import { type AwsProvider, awsProvider } from "./aws-provider.ts";
import { sdkTransport } from "./sdk-transport.ts";

/**
 * AWS Secrets Manager by AWS's own SDK, which is loaded at the first call. A path is a secret's name or whole ARN; `?version=` is a
 * version id, `?stage=` a staging label.
 *
 * @throws SecretsError `invalid-argument` for options out of range; from its methods, every code of `docs/errors.md` but `decode`'s
 * kin that only clients give.
 * @example
 * const secrets = createSecrets({ providers: { aws: aws({ region: "eu-west-1" }) } });
 */
export function aws(options: AwsOptions = {}): AwsProvider {
  return awsProvider(sdkTransport(options), options);
}
