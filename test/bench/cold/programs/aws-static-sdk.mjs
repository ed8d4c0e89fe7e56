import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const client = new SecretsManagerClient({
  region: "eu-west-1",
  endpoint: `https://127.0.0.1:${port}`,
  credentials: { accessKeyId: "AKIAKEYHOLDBENCH0000", secretAccessKey: "bench" },
  requestHandler: { httpsAgent: { ca } },
});

export const first = async () => (await client.send(new GetSecretValueCommand({ SecretId: "prod/app" }))).SecretString;
