import { createSecrets } from "@keyhold/core";
import { kubernetes } from "@keyhold/kubernetes";
import { rotate } from "./rotate.ts";

// Signs in as the job's service account.
const secrets = createSecrets({ providers: { kubernetes: kubernetes() } });
const { failed } = await rotate(secrets, {
  admin: () => secrets.get("kubernetes://prod/db-admin"),
  journal: "/run/rotation/journal",
});
for (const { reference, error } of failed) console.error(`${reference}: ${error.code}: ${error.message}`);
process.exitCode = failed.length > 0 ? 1 : 0;
await secrets.close();
