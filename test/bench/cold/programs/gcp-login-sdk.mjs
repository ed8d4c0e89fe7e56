import tls from "node:tls";
import { SecretManagerServiceClient } from "@google-cloud/secret-manager";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
// Its REST transport takes no authority.
tls.setDefaultCACertificates([ca]);
const client = new SecretManagerServiceClient({
  fallback: true,
  apiEndpoint: "127.0.0.1",
  port: Number(port),
  projectId: "bench-project",
  universeDomain: "googleapis.com",
});

export async function first() {
  const [{ payload }] = await client.accessSecretVersion({ name: "projects/bench-project/secrets/app/versions/latest" });
  return payload.data.toString();
}
