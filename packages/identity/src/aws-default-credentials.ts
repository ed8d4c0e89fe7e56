import type { TlsOptions } from "@keyhold/http";
import type { AwsCredentialSource } from "./aws-credentials.ts";
import { containerAwsCredentials } from "./container-aws-credentials.ts";
import type { Environment } from "./environment.ts";
import { environmentAwsCredentials } from "./environment-aws-credentials.ts";
import { instanceAwsCredentials } from "./instance-aws-credentials.ts";
import { namesAwsCredentials, sharedFileAwsCredentials } from "./shared-file-aws-credentials.ts";
import { webIdentityAwsCredentials } from "./web-identity-aws-credentials.ts";

export interface AwsCredentialsOptions {
  /** The profile in the shared files. Default: AWS_PROFILE, then `default`. */
  readonly profile?: string;
  /** The region of AWS's token service. Default: the profile's, AWS_REGION, AWS_DEFAULT_REGION, then us-east-1. */
  readonly region?: string;
  /** For AWS's token services. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

async function chosen(options: AwsCredentialsOptions): Promise<AwsCredentialSource> {
  const { environment = process.env } = options;
  const profile = options.profile ?? environment.AWS_PROFILE;
  if (!profile && (environment.AWS_ACCESS_KEY_ID || environment.AWS_SECRET_ACCESS_KEY)) return environmentAwsCredentials(options);
  if (profile || (await namesAwsCredentials(options, "default"))) return sharedFileAwsCredentials(options);
  if (environment.AWS_WEB_IDENTITY_TOKEN_FILE) return webIdentityAwsCredentials(options);
  const isContainer = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI || environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (isContainer) return containerAwsCredentials(options);
  const isDisabled = environment.AWS_EC2_METADATA_DISABLED?.toLowerCase() === "true";
  return isDisabled ? environmentAwsCredentials(options) : instanceAwsCredentials(options);
}

/**
 * The credentials of this workload, wherever AWS leaves them, in the order of AWS's own package: environment (unless a profile is
 * named), profile, web identity, container, instance. The first that is configured is the one: where it fails, another identity
 * would hide the mistake.
 *
 * Nothing is held: each call asks anew. `heldAwsCredentials` keeps what this gives.
 *
 * @throws SecretsError as the source does that is chosen.
 * @see https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/setting-credentials-node.html
 * @example
 * const provider = awsCredentials();
 */
export function awsCredentials(options: AwsCredentialsOptions = {}): AwsCredentialSource {
  return async (context) => (await chosen(options))(context);
}
