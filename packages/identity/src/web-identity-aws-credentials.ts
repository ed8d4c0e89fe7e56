import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import type { AwsCredentialSource } from "./aws-credentials.ts";
import { awsRegionOf } from "./aws-endpoint.ts";
import { assumeRole } from "./aws-token-service.ts";
import type { Environment } from "./environment.ts";
import { identityContext } from "./identity-context.ts";
import { readCredentialFile } from "./read-credential-file.ts";

export interface WebIdentityAwsOptions {
  /** Default: AWS_ROLE_ARN. */
  readonly roleArn?: string;
  /** The file of the token, read at each call as it is rotated. Default: AWS_WEB_IDENTITY_TOKEN_FILE. */
  readonly tokenFile?: string;
  /** Shown in CloudTrail. Default: AWS_ROLE_SESSION_NAME, then `keyhold`. */
  readonly sessionName?: string;
  /** Default: AWS_REGION, AWS_DEFAULT_REGION, then us-east-1. */
  readonly region?: string;
  /** For AWS's token service. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/**
 * The credentials of a role, for a token that somebody else signed: a pod's service account (IRSA), or a pipeline.
 *
 * @throws SecretsError `unauthenticated` when there is no role or token, or AWS refuses them.
 * @see https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
 */
export function webIdentityAwsCredentials(options: WebIdentityAwsOptions = {}): AwsCredentialSource {
  const { environment = process.env, tls } = options;
  return async (given) => {
    const context = identityContext(given);
    const roleArn = options.roleArn ?? environment.AWS_ROLE_ARN;
    const tokenFile = options.tokenFile ?? environment.AWS_WEB_IDENTITY_TOKEN_FILE;
    if (!roleArn || !tokenFile) {
      throw new SecretsError("unauthenticated", "there is no web identity for AWS", {
        hint: "Set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE; EKS does for a service account with a role.",
      });
    }
    return assumeRole(
      {
        action: "AssumeRoleWithWebIdentity",
        parameters: {
          RoleArn: roleArn,
          RoleSessionName: options.sessionName ?? (environment.AWS_ROLE_SESSION_NAME || "keyhold"),
          WebIdentityToken: await readCredentialFile(tokenFile, "the web identity token"),
        },
        region: options.region ?? awsRegionOf(environment),
        tls,
        environment,
      },
      context,
    );
  };
}
