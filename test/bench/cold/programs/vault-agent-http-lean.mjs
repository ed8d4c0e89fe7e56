import { createSecrets } from "@keyhold/core";
import { vault } from "@keyhold/vault/lean";

const provider = vault({ agent: `http://127.0.0.1:${process.env.COLD_HTTP}`, mounts: { secret: 2 } });

export const first = async () => (await createSecrets({ providers: { vault: provider } }).get("vault://secret/app#key")).text();
