// Another process, as a cron job would be: gives the database's other role a new password, and makes that the current login.
//   node rotate.ts STORE IDENTITY
import { createSecrets } from "@keyhold/core";
import { local } from "@keyhold/local";
import { postgres } from "@keyhold/rotation";

const [path, identityPath] = process.argv.slice(2) as [string, string];
const secrets = createSecrets({ providers: { local: local({ path, identityPath }) } });
await secrets.rotate("local://database", postgres({ admin: () => secrets.get("local://database-admin") }));
await secrets.close();
