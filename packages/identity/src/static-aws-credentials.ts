import { SecretsError } from "@keyhold/core";
import { type AwsCredentialSource, type AwsCredentials, credentialsFrom } from "./aws-credentials.ts";

/**
 * Always the same credentials. Long-lived keys are better kept out of code: prefer the environment, a file or a role.
 *
 * @throws SecretsError `invalid-argument` at once when a key is missing.
 */
export function staticAwsCredentials(credentials: AwsCredentials): AwsCredentialSource {
  const hint = "Give accessKeyId and secretAccessKey.";
  const held = credentialsFrom(credentials, hint);
  if (held === undefined) throw new SecretsError("invalid-argument", "the AWS credentials have no keys", { hint });
  return async () => held;
}
