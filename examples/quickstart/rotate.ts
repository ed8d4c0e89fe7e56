// Another process, as a cron job or an operator would be: makes a new key, announces it upstream, and puts it into the store.
//   node rotate.ts STORE IDENTITY UPSTREAM_URL
import { randomBytes } from "node:crypto";
import { createSecrets, local } from "keyhold";

const [path, identityPath, upstreamUrl] = process.argv.slice(2) as [string, string, string];
const secrets = createSecrets({ providers: { local: local({ path, identityPath }) } });
const current = await secrets.get("local://upstream/api-key");
const next = `sk-demo-${randomBytes(24).toString("base64url")}`;
const announced = await fetch(`${upstreamUrl}/keys`, {
  method: "POST",
  headers: { authorization: `Bearer ${current.text()}` },
  body: next,
});
if (announced.status !== 201) throw new Error(`the upstream refused the new key with status ${announced.status}`);
await secrets.put("local://upstream/api-key", next, { ifVersion: current.version });
await secrets.close();
