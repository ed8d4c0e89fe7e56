import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const provider = new SecretsProvider({
  clientConfig: {
    region: "eu-west-1",
    endpoint: `https://127.0.0.1:${port}`,
    credentials: { accessKeyId: "AKIAKEYHOLDBENCH0000", secretAccessKey: "bench" },
    requestHandler: { httpsAgent: { ca } },
  },
});

export const first = () => provider.get("prod/app");
