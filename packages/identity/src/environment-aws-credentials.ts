import { SecretsError } from "@keyhold/core";
import { type AwsCredentialSource, credentialsFrom } from "./aws-credentials.ts";
import type { Environment } from "./environment.ts";

export interface EnvironmentAwsOptions {
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

function expirationOf(text: string | undefined): Date | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const expiration = new Date(text);
  if (Number.isNaN(expiration.getTime())) {
    throw new SecretsError("invalid-argument", "AWS_CREDENTIAL_EXPIRATION is not a time", {
      hint: "Write it like 2026-01-31T12:00:00Z.",
    });
  }
  return expiration;
}

/**
 * The credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary ones, AWS_SESSION_TOKEN and
 * AWS_CREDENTIAL_EXPIRATION. Read anew at each call.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
 */
export function environmentAwsCredentials({ environment = process.env }: EnvironmentAwsOptions = {}): AwsCredentialSource {
  return async () => {
    const hint = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.";
    const found = credentialsFrom(
      {
        accessKeyId: environment.AWS_ACCESS_KEY_ID,
        secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
        sessionToken: environment.AWS_SESSION_TOKEN,
        expiration: expirationOf(environment.AWS_CREDENTIAL_EXPIRATION),
      },
      hint,
    );
    if (found === undefined)
      throw new SecretsError("unauthenticated", "there are no AWS credentials in the environment", { hint });
    return found;
  };
}
