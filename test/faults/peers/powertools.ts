import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { SecretsManagerClient, type SecretsManagerClientConfig } from "@aws-sdk/client-secrets-manager";

/** Nothing but where the service is: a value is fresh for 5 s, and the SDK tries three times. */
export function powertools(config: SecretsManagerClientConfig): SecretsProvider {
  const client = new SecretsManagerClient({
    region: "eu-west-1",
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
    ...config,
  });
  return new SecretsProvider({ awsSdkV3Client: client });
}
