// The naive twin: the same app, with secrets that it reads once, at the start, from the environment.
import pg from "pg";
import { createApp } from "./app.ts";
import { readModel } from "./read-model.ts";

const variable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

let connections = 0;
const pool = new pg.Pool({
  host: "127.0.0.1",
  port: Number(variable("ML_DATABASE__PORT")),
  database: "features",
  user: variable("DATABASE_USER"),
  password: variable("DATABASE_PASSWORD"),
  max: 10,
  maxUses: 30,
  onConnect: () => {
    connections += 1;
  },
});
pool.on("error", () => {});
const apiKey = variable("INFERENCE_API_KEY");

const app = createApp({
  model: await readModel(variable("ML_REGISTRY__URL"), "churn", variable("REGISTRY_TOKEN")),
  inference: { url: variable("ML_INFERENCE__URL"), timeoutMs: 30_000 },
  apiKey: () => apiKey,
  query: (text, values) => pool.query(text, [...values]),
  secrets: () => [],
  counts: () => ({ connections }),
});
console.log(`naive twin: ${await app.listen({ port: 0, host: "127.0.0.1" })}`);

const close = async () => {
  await app.close();
  await pool.end();
};
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, close);
