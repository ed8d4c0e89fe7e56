// A cluster of three: each worker is asked for one secret by a thousand callers, before and after its freshness ends.
import cluster from "node:cluster";
import { createSecrets } from "@keyhold/core";
import { tokenAuth, vault } from "@keyhold/vault";

const address = process.argv[2] as string;
if (cluster.isPrimary) {
  for (let index = 0; index < 3; index += 1) cluster.fork();
} else {
  const provider = vault({ address, auth: tokenAuth("x"), mounts: { secret: 2 } });
  const secrets = createSecrets({ providers: { vault: provider }, cache: { ttlMs: 500 } });
  const readAll = () => Promise.all(Array.from({ length: 1_000 }, () => secrets.get("vault://secret/fault")));
  await readAll();
  await new Promise((resolve) => setTimeout(resolve, 700));
  await readAll();
  await secrets.close();
  process.disconnect();
}
