import type { TlsOptions } from "@keyhold/http";
import type { AwsCredentialProvider } from "./aws-credentials.ts";
import type { Environment } from "./environment.ts";
import { environmentAwsCredentials } from "./environment-aws-credentials.ts";
import { sharedFileAwsCredentials } from "./shared-file-aws-credentials.ts";

export interface AwsCredentialsOptions {
  /** The profile in the shared files. Default: AWS_PROFILE, then `default`. */
  readonly profile?: string;
  /** The region of the token services (STS, single sign-on). Default: AWS_REGION, AWS_DEFAULT_REGION, the profile's. */
  readonly region?: string;
  /** For the token services. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/**
 * The credentials of this workload, wherever AWS leaves them, in the order of AWS's own packages: environment, profile, web identity,
 * container, instance.
 */
export function awsCredentials(options: AwsCredentialsOptions = {}): AwsCredentialProvider {
  const { environment = process.env } = options;
  return async () =>
    environment.AWS_ACCESS_KEY_ID && environment.AWS_SECRET_ACCESS_KEY
      ? environmentAwsCredentials(options)()
      : sharedFileAwsCredentials(options)();
}
