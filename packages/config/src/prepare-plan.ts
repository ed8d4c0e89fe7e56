import { isSecretsError, SecretsError, type StandardSchema } from "@keyhold/core";
import { createGuard } from "./guard.ts";
import type { LoadConfigOptions } from "./load-config.ts";
import { createPlan, type Plan, providerCheck } from "./plan.ts";
import { configError } from "./problem.ts";
import type { Source } from "./source.ts";
import { type Literal, merge, type Tree } from "./tree.ts";

/** Reads the sources, merges them and finds their references. @throws SecretsError for options and sources that are wrong. */
export async function preparePlan(
  options: Omit<LoadConfigOptions<unknown>, "schema"> & { readonly schema: unknown },
): Promise<{ plan: Plan; checkProvider: (name: string) => void }> {
  const { secrets, sources, schema, deployment, guard } = options;
  if (typeof (schema as Partial<StandardSchema> | undefined)?.["~standard"]?.validate !== "function") {
    throw new SecretsError("invalid-argument", "schema is no Standard Schema", {
      hint: "Give a schema of zod 4, valibot, arktype or another library of https://standardschema.dev.",
    });
  }
  if (deployment !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(deployment)) {
    throw new SecretsError("invalid-argument", "deployment is a word of letters, digits, - and _", {
      hint: "It becomes part of file names: config.production.yaml.",
    });
  }
  const refusal = createGuard(guard, deployment);
  const merged = await readSources(sources, deployment);
  const checkProvider = providerCheck(secrets);
  return { plan: createPlan(merged, checkProvider, refusal), checkProvider };
}

/** All sources as one tree. What is wrong in several of them is told together. */
async function readSources(sources: readonly Source[], deployment: string | undefined): Promise<Tree<Literal>> {
  const settled = await Promise.allSettled(sources.map((source) => source.read(deployment)));
  const errors: SecretsError[] = [];
  let merged: Tree<Literal> | undefined;
  for (const result of settled) {
    if (result.status === "fulfilled")
      for (const tree of result.value) merged = merged === undefined ? tree : merge(merged, tree);
    else if (isSecretsError(result.reason)) errors.push(result.reason);
    else throw result.reason;
  }
  if (errors.length > 0) throw configError(errors);
  return merged ?? { kind: "map", entries: new Map(), place: { source: "no source" } };
}
