import { createSecrets } from "@keyhold/core";
import { gcp } from "@keyhold/gcp/lean";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const provider = gcp({
  projectId: "bench-project",
  apiEndpoint: `127.0.0.1:${port}`,
  credentials: { getRequestHeaders: async () => ({ authorization: "Bearer bench-token" }) },
  fallback: true,
  tls: { ca },
});

export const first = async () => (await createSecrets({ providers: { gcp: provider } }).get("gcp://app")).text();
