import nodeVault from "node-vault";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const client = nodeVault({ endpoint: `https://127.0.0.1:${port}`, token: "bench-token", requestOptions: { ca } });

export const first = async () => (await client.read("secret/data/app")).data.data.key;
