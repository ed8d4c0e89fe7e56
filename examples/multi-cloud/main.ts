// One typed config with a reference to each of six backends and to the local store, read from real servers on this machine.
//   npm run example:multi-cloud
import path from "node:path";
import { createSecrets, fromFile, watchConfig } from "keyhold";
import { isKubernetesBuilt } from "../../test/servers/kubernetes/build-kubernetes.ts";
import { startServers } from "../../test/servers/start-servers.ts";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { exitOnSignals } from "../exit-on-signals.ts";
import { providersFor } from "./providers.ts";
import { report } from "./report.ts";
import { schema } from "./schema.ts";
import { seed } from "./seed.ts";

exitOnSignals();
const isBuilt = await isKubernetesBuilt();
const { path: folder, remove } = await temporaryFolder("multi-cloud");
const servers = await startServers({ kubernetes: isBuilt });
try {
  const providers = await providersFor(servers, folder);
  const secrets = createSecrets({ providers });
  await seed(secrets, servers, folder);

  const live = await watchConfig({ secrets, schema, sources: [fromFile(path.join(import.meta.dirname, "config.yaml"))] });
  console.log(live.current);

  console.log(`\n${await report(live, secrets, providers)}`);
  if (!isBuilt) {
    console.log(
      "\nKubernetes is a mounted volume here, as its API server is not built: npm run test:kubernetes builds it, once.",
    );
  }
  await live.close();
  await secrets.close();
} finally {
  await servers.close();
  await remove();
}
