import path from "node:path";
import { fromEnvironment, fromFile, type Guard, type LiveConfig, type Source, watchConfig } from "@keyhold/config";
import { type Secrets, secret } from "@keyhold/core";
import { z } from "zod";

export const deployments = ["development", "staging", "production"] as const;
export type Deployment = (typeof deployments)[number];

/** What each deployment may read, and no other may. */
const guard: Guard & Record<Deployment, readonly string[]> = {
  development: ["local://"],
  staging: ["vault://secret/staging/", "vault://database/creds/staging-"],
  production: ["vault://secret/production/", "vault://database/creds/production-"],
};

const schema = z.object({
  model: z.string(),
  port: z.coerce.number(),
  database: z.object({
    host: z.string(),
    port: z.coerce.number(),
    name: z.string(),
    poolSize: z.coerce.number(),
    usesOfConnection: z.coerce.number(),
    login: z.string().transform(secret),
  }),
  inference: z.object({ url: z.url(), timeoutMs: z.coerce.number(), apiKey: z.string().startsWith("sk-").transform(secret) }),
  registry: z.object({ url: z.url(), token: z.string().transform(secret) }),
});

export type Settings = z.infer<typeof schema>;

/** Files beside this one, and what the environment says instead. */
export const settingSources = (): readonly Source[] => [
  fromFile(path.join(import.meta.dirname, "config.yaml")),
  fromEnvironment({ prefix: "ML_" }),
];

/** The typed configuration of a deployment, live: whatever in it rotates is swapped in, whole and validated. */
export function watchSettings(
  secrets: Secrets,
  deployment: Deployment,
  sources: readonly Source[] = settingSources(),
): Promise<LiveConfig<Settings>> {
  return watchConfig({ secrets, sources, schema, deployment, guard });
}
