import { createSecrets } from "@keyhold/core";
import { appRoleAuth, vault } from "@keyhold/vault/lean";

const { COLD_CA: ca, COLD_HTTPS: port } = process.env;
const provider = vault({
  address: `https://127.0.0.1:${port}`,
  auth: appRoleAuth({ roleId: "role", secretId: "secret" }),
  mounts: { secret: 2 },
  tls: { ca },
});

export const first = async () => (await createSecrets({ providers: { vault: provider } }).get("vault://secret/app#key")).text();
