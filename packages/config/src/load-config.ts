import { isSecretsError, type Secret, type Secrets, type SecretsError, type StandardSchema } from "@keyhold/core";
import { evaluate } from "./evaluate.ts";
import type { Guard } from "./guard.ts";
import { warnOfLeases } from "./leases.ts";
import type { Plan } from "./plan.ts";
import { preparePlan } from "./prepare-plan.ts";
import type { Source } from "./source.ts";

export interface LoadConfigOptions<Output> {
  /** What resolves the references. */
  readonly secrets: Secrets;
  /** Laid over each other in this order: maps key by key, anything else replaces what came before. */
  readonly sources: readonly Source[];
  /** Any Standard Schema (zod, valibot, arktype, …). Fields that hold secrets end in `.transform(secret)`. */
  readonly schema: StandardSchema<unknown, Output>;
  /** The name of this deployment, such as `production`: it selects overlay files and what `guard` allows. */
  readonly deployment?: string;
  /** By deployment, the prefixes of references that it may use, and no other: `{ production: ["aws://prod/"] }`. */
  readonly guard?: Guard;
  /** Paths where a fetched value is no secret and may come out as plain text, such as `database.user`; also for all below. */
  readonly plain?: readonly string[];
  /** Paths where a secret may stand literally in a source; also for all below. */
  readonly literals?: readonly string[];
}

/**
 * Loads configuration once: reads the sources, fetches every secret that they refer to in one batch, validates, and gives the
 * typed object, frozen. For a service that lives longer than its secrets, use `watchConfig`.
 *
 * @throws SecretsError with all problems at once, each with path, file and line in `errors`, and no value in any of them. Its code
 * is theirs if they agree, otherwise `invalid-argument`.
 * @example
 * const config = await loadConfig({
 *   secrets,
 *   sources: [fromFile("config.yaml"), fromEnvironment({ prefix: "APP_" })],
 *   schema: z.object({ openai: z.object({ apiKey: z.string().transform(secret) }) }),
 * });
 */
export async function loadConfig<Output>(options: LoadConfigOptions<Output>): Promise<Output> {
  const { plan, checkProvider } = await preparePlan(options);
  const found = await fetchWholes(options.secrets, plan);
  const config = await evaluate(plan, found, { ...options, checkProvider });
  warnOfLeases(options.secrets, plan);
  return config;
}

/** Reads what a plan asks for, each secret once, in one batch. @throws SecretsError `closed`. */
export async function fetchWholes(secrets: Secrets, plan: Plan): Promise<Map<string, Secret | SecretsError>> {
  const read: (Secret | SecretsError)[] = await secrets.getMany(plan.wholes, { settle: true });
  const closed = read.find((item) => isSecretsError(item, "closed"));
  if (closed) throw closed;
  return new Map(plan.wholes.map((whole, index) => [whole, read[index] as Secret | SecretsError]));
}
