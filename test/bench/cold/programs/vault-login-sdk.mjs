import nodeVault from "node-vault";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const client = nodeVault({ endpoint: `https://127.0.0.1:${port}`, requestOptions: { ca } });

export async function first() {
  await client.approleLogin({ role_id: "role", secret_id: "secret" });
  return (await client.read("secret/data/app")).data.data.key;
}
