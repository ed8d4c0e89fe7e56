import { aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const credentials = { accessKeyId: "AKIAKEYHOLDBENCH0000", secretAccessKey: "bench" };
const provider = aws({ region: "eu-west-1", endpoint: `https://127.0.0.1:${port}`, credentials, tls: { ca } });

export const first = async () => (await createSecrets({ providers: { aws: provider } }).get("aws://prod/app")).text();
