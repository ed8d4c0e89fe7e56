import { createSecrets } from "@keyhold/core";
import { vault } from "@keyhold/vault/lean";

const provider = vault({ agent: `unix://${process.env.COLD_SOCKET}`, mounts: { secret: 2 } });

export const first = async () => (await createSecrets({ providers: { vault: provider } }).get("vault://secret/app#key")).text();
