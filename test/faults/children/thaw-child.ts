// Reads one secret from an address, then again whenever its parent asks, by a thousand callers. Prints the version that each saw.
import { createSecrets } from "@keyhold/core";
import { tokenAuth, vault } from "@keyhold/vault";

const provider = vault({ address: process.argv[2] as string, auth: tokenAuth("x"), mounts: { secret: 2 } });
const secrets = createSecrets({ providers: { vault: provider }, cache: { ttlMs: 1_500 } });
process.stdin.on("data", async () => {
  const reads = await Promise.all(Array.from({ length: 1_000 }, () => secrets.get("vault://secret/fault")));
  console.log(JSON.stringify([...new Set(reads.map(({ version }) => version))]));
});
process.stdin.on("end", () => secrets.close());
