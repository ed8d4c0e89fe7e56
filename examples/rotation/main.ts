// A service and its naive twin under load, while another process rotates the login to their database, a real PostgreSQL.
//   npm run example:rotation
import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { createSecrets } from "@keyhold/core";
import { initStore, local } from "@keyhold/local";
import pg from "pg";
import { startPostgres } from "../../test/servers/postgres/start-postgres.ts";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { exitOnSignals } from "../exit-on-signals.ts";
import { startNaiveTwin, startService } from "./service.ts";

const rotations = 3;
const callEveryMs = 20;

exitOnSignals();

// A database with one role, and a store with the role's login and the login of the admin who may change it.
const database = await startPostgres();
const { path: folder, remove } = await temporaryFolder("rotation");
const [storePath, identityPath] = [path.join(folder, "keyhold.age"), path.join(folder, "home", "identity.txt")];
await initStore({ path: storePath, identityPath });
const secrets = createSecrets({ providers: { local: local({ path: storePath, identityPath }) } });
const admin = new pg.Client({ connectionString: database.url });
await admin.connect();
await admin.query("create role app login password 'from the first day'");
await admin.end();
const login = new URL(database.url);
[login.username, login.password] = ["app", "from the first day"];
await secrets.put("local://database", login.href);
await secrets.put("local://database-admin", database.url);

const services = [await startService(secrets), await startNaiveTwin(secrets)] as const;
const counts = services.map(() => ({ calls: 0, failed: 0, roles: new Set<string>() }));
let done = false;
const loads = services.map(async ({ url }, index) => {
  const count = counts[index]!;
  const running: Promise<void>[] = [];
  for (; !done; await sleep(callEveryMs)) {
    const call = async () => {
      const answer = await fetch(url);
      const role = await answer.text();
      count.calls += 1;
      if (answer.ok) count.roles.add(role);
      else count.failed += 1;
    };
    running.push(call());
  }
  await Promise.all(running);
});

const roleInUse = async () => (await fetch(services[0].url)).text();
for (let turn = 1; turn <= rotations; turn += 1) {
  await sleep(500);
  const before = await roleInUse();
  const rotate = path.join(import.meta.dirname, "rotate.ts");
  await promisify(execFile)(process.execPath, [...process.execArgv, rotate, storePath, identityPath]);
  const rotatedAt = Date.now();
  while ((await roleInUse()) === before && Date.now() - rotatedAt < 10_000) await sleep(5);
  console.log(`rotation ${turn}: the service signs in as ${await roleInUse()}, ${Date.now() - rotatedAt} ms after it`);
}
await sleep(1_000);
done = true;
await Promise.all(loads);

for (const service of services) await service.close();
await secrets.close();
await database.close();
await remove();

const [ours, naive] = counts;
console.log(
  `\n${ours!.calls} requests as ${[...ours!.roles].sort().join(" and ")}, ${ours!.failed} failed; naive twin: ${naive!.failed} failed`,
);
process.exitCode = ours!.failed === 0 && ours!.roles.size === 2 && naive!.failed > 0 ? 0 : 1;
