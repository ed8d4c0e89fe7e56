// Holds a leased login for as long as it runs, and has two hundred callers ask for it whenever its parent says so. Prints what they saw.
import { createSecrets, type SecretsEvent } from "@keyhold/core";
import { tokenAuth, vault } from "@keyhold/vault";

const [address, token] = process.argv.slice(2) as [string, string];
const lapses: string[] = [];
const onEvent = (event: SecretsEvent) => {
  if (event.type === "lapsed") lapses.push(event.reason);
};
const secrets = createSecrets({ providers: { vault: vault({ address, auth: tokenAuth(token) }) }, onEvent });
const reference = "vault://database/creds/app";
const handle = await secrets.handle(reference);

process.stdin.on("data", async () => {
  const reads = await Promise.all(Array.from({ length: 200 }, () => secrets.get(reference)));
  const versions = [...new Set(reads.map(({ version }) => version))];
  console.log(JSON.stringify({ versions, held: handle.version, login: reads[0]?.json(), lapses: lapses.splice(0) }));
});
process.stdin.on("end", () => secrets.close());
