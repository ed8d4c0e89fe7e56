import { SecretClient } from "@azure/keyvault-secrets";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const credential = { getToken: async () => ({ token: "bench-token", expiresOnTimestamp: Date.now() + 3_600_000 }) };
const options = { disableChallengeResourceVerification: true, tlsOptions: { ca } };
const client = new SecretClient(`https://127.0.0.1:${port}`, credential, options);

export const first = async () => (await client.getSecret("app")).value;
