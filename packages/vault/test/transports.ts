import { vault as overNodeVault } from "@keyhold/vault";
import { vault as lean } from "@keyhold/vault/lean";

/** Both ways to speak to Vault. Everything that the tests demand of one they demand of the other. */
export const transports = [
  { transport: "node-vault", name: "vault", vault: overNodeVault },
  { transport: "lean", name: "vault-lean", vault: lean },
] as const;
