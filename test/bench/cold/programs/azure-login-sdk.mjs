import { DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const options = { disableChallengeResourceVerification: true, tlsOptions: { ca } };
const client = new SecretClient(`https://127.0.0.1:${port}`, new DefaultAzureCredential(), options);

export const first = async () => (await client.getSecret("app")).value;
