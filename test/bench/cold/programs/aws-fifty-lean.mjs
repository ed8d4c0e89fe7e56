import { aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const credentials = { accessKeyId: "AKIAKEYHOLDBENCH0000", secretAccessKey: "bench" };
const provider = aws({ region: "eu-west-1", endpoint: `https://127.0.0.1:${port}`, credentials, tls: { ca } });

export async function first() {
  const secrets = createSecrets({ providers: { aws: provider } });
  const found = await secrets.getMany(Array.from({ length: 50 }, (_id, index) => `aws://prod/app-${index}`));
  return found.every((secret) => secret.text() === found[0].text()) ? found[0].text() : undefined;
}
