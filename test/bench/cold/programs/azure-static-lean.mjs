import { azure } from "@keyhold/azure/lean";
import { createSecrets } from "@keyhold/core";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const provider = azure({
  vaultUrl: `https://127.0.0.1:${port}`,
  credential: { getToken: async () => ({ token: "bench-token", expiresOnTimestamp: Date.now() + 3_600_000 }) },
  disableChallengeResourceVerification: true,
  tls: { ca },
});

export const first = async () => (await createSecrets({ providers: { azure: provider } }).get("azure://app")).text();
