import { azure } from "@keyhold/azure/lean";
import { createSecrets } from "@keyhold/core";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const provider = azure({
  vaultUrl: `https://127.0.0.1:${port}`,
  disableChallengeResourceVerification: true,
  tls: { ca },
});

export const first = async () => (await createSecrets({ providers: { azure: provider } }).get("azure://app")).text();
