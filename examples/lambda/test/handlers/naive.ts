// What many functions do: the SDK, read once while the runtime initialises.
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const client = new SecretsManagerClient({});
const secret = client.send(new GetSecretValueCommand({ SecretId: "prod/openai" }));

export const handler = async (): Promise<unknown> => ({ apiKey: (await secret).VersionId });
