import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";
import { type AwsCredentialProvider, type AwsCredentials, credentialsFrom } from "./aws-credentials.ts";
import { type HeldCredential, heldCredential } from "./held-credential.ts";

const hint = "Call that provider by itself.";

/** What a provider gives, also one of AWS's own, whose errors may hold what it was configured with. */
async function provided(provider: AwsCredentialProvider, context: CallContext): Promise<AwsCredentials> {
  let given: AwsCredentials | undefined;
  try {
    given = await provider(context);
  } catch (error) {
    if (isSecretsError(error)) throw error;
    throw new SecretsError("unauthenticated", "the AWS credential provider failed", { hint });
  }
  const credentials =
    typeof given === "object" && given !== null
      ? credentialsFrom(
          {
            accessKeyId: given.accessKeyId,
            secretAccessKey: given.secretAccessKey,
            sessionToken: given.sessionToken,
            expiration: given.expiration,
          },
          hint,
        )
      : undefined;
  if (credentials !== undefined) return credentials;
  throw new SecretsError("unauthenticated", "the AWS credential provider gave no keys", { hint });
}

/**
 * Holds the credentials of a provider until shortly before they expire, or until AWS refuses them.
 *
 * @example
 * const held = heldAwsCredentials(awsCredentials());
 * const credentials = await held.get(context);
 */
export function heldAwsCredentials(provider: AwsCredentialProvider): HeldCredential<AwsCredentials> {
  return heldCredential(async (context) => {
    const value = await provided(provider, context);
    return { value, expiresAt: value.expiration?.getTime() };
  });
}
