// Signs in all the time, as a service does, until its standard input ends. Says how often, and which logins failed.
import { isSecretsError, type Secret } from "@keyhold/core";
import pg from "pg";
import { type KillPlace, open, providerOf, referenceTo } from "../kill-place.ts";

const { place, names } = JSON.parse(process.argv[2] as string) as { place: KillPlace; names: string[] };
const secrets = open(await providerOf(place));
let ended = false;
process.stdin.on("end", () => {
  ended = true;
});
process.stdin.resume();

async function signIn(login: Secret): Promise<void> {
  const { username: user, password, host, port, dbname: database } = login.json() as any;
  const client = new pg.Client({ user, password, host, port, database });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
  } finally {
    await client.end().catch(() => {});
  }
}

let logins = 0;
const failures: Record<string, number> = {};
while (!ended) {
  for (const name of names) {
    try {
      await secrets.use(referenceTo(place, name), signIn);
    } catch (error) {
      const code = `${name}: ${isSecretsError(error) ? error.code : (error as { code?: string }).code}`;
      failures[code] = (failures[code] ?? 0) + 1;
    }
    logins += 1;
    if (logins === names.length) console.log("ready");
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await secrets.close();
console.log(JSON.stringify({ logins, failures }));
