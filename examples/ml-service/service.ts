// The service: DEPLOYMENT=production node service.ts
import type { Secret, SecretsEvent } from "@keyhold/core";
import { postgresPools } from "@keyhold/rotation";
import pg from "pg";
import { createApp } from "./app.ts";
import { openSecrets } from "./open-secrets.ts";
import { readModel } from "./read-model.ts";
import { type Deployment, deployments, watchSettings } from "./settings.ts";

const deployment = process.env.DEPLOYMENT as Deployment;
if (!deployments.includes(deployment)) throw new Error(`DEPLOYMENT must be one of ${deployments.join(", ")}`);

const events: Partial<Record<SecretsEvent["type"], number>> = {};
const secrets = openSecrets(deployment, ({ type }) => {
  events[type] = (events[type] ?? 0) + 1;
});
const live = await watchSettings(secrets, deployment);
const { database, inference, registry, model, port } = live.current;

let connections = 0;
const pools = await postgresPools({
  pg,
  handle: {
    get current() {
      return live.current.database.login;
    },
    onChange: (listener: (login: Secret, previous: Secret) => void) => live.onChange((config) => config.database.login, listener),
  },
  config: {
    host: database.host,
    port: database.port,
    database: database.name,
    max: database.poolSize,
    maxUses: database.usesOfConnection,
    onConnect: () => {
      connections += 1;
    },
  },
});

const app = createApp({
  model: await readModel(registry.url, model, registry.token.text()),
  inference,
  apiKey: () => live.current.inference.apiKey.text(),
  query: (text, values) => pools.use((pool) => pool.query(text, [...values])),
  secrets: () =>
    live.status().flatMap(({ path, secrets: used }) =>
      used.map(({ reference, version, ageMs, lapsesAt }) => ({
        field: path,
        reference,
        version,
        ageMs,
        ...(lapsesAt === undefined ? {} : { leftMs: Math.round(lapsesAt - Date.now()) }),
      })),
    ),
  counts: () => ({ connections, events }),
});
console.log(`ml-service: ${deployment}, ${await app.listen({ port, host: "127.0.0.1" })}`);

// What is under way ends first; the leases are given back last, when nothing signs in with them any more.
const close = async () => {
  await app.close();
  await pools.close();
  await live.close();
  await secrets.close();
  console.log("ml-service: closed, leases revoked");
};
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, close);
