import type { TlsOptions } from "@keyhold/http";
import type { AwsCredentialProvider, AwsCredentialSource } from "./aws-credentials.ts";
import { awsRegionOf } from "./aws-endpoint.ts";
import { assumeRole } from "./aws-token-service.ts";
import type { Environment } from "./environment.ts";
import { identityContext } from "./identity-context.ts";

export interface AssumedRoleAwsOptions {
  readonly roleArn: string;
  /** Who takes on the role. */
  readonly source: AwsCredentialProvider;
  /** What the role's owner demands of a third party. */
  readonly externalId?: string;
  /** Shown in CloudTrail. Default: AWS_ROLE_SESSION_NAME, then `keyhold`. */
  readonly sessionName?: string;
  /** How long the credentials last, in milliseconds. Default: an hour. */
  readonly durationMs?: number;
  /** Default: AWS_REGION, AWS_DEFAULT_REGION, then us-east-1. */
  readonly region?: string;
  /** For AWS's token service. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/**
 * The credentials of a role that another identity takes on.
 *
 * @throws SecretsError `unauthenticated` when AWS refuses, and what `source` throws.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
 */
export function assumedRoleAwsCredentials(options: AssumedRoleAwsOptions): AwsCredentialSource {
  const { roleArn, source, externalId, durationMs = 3_600_000, tls, environment = process.env } = options;
  return async (given) => {
    const context = identityContext(given);
    return assumeRole(
      {
        action: "AssumeRole",
        parameters: {
          RoleArn: roleArn,
          RoleSessionName: options.sessionName ?? (environment.AWS_ROLE_SESSION_NAME || "keyhold"),
          DurationSeconds: String(Math.round(durationMs / 1000)),
          ExternalId: externalId,
        },
        credentials: await source(context),
        region: options.region ?? awsRegionOf(environment),
        tls,
        environment,
      },
      context,
    );
  };
}
