import type { CommonOptions } from "../command-options.ts";
import { readEnvFile } from "../read-env-file.ts";
import { type Environment, resolveEnvironment } from "../resolve-environment.ts";
import { runChild } from "../run-child.ts";
import { warnOfUnresolved } from "../warn-of-unresolved.ts";
import { withSecrets } from "../with-secrets.ts";

export interface RunOptions extends CommonOptions {
  readonly dotenv?: readonly string[];
}

/** Gives the exit status of what was run. */
export async function run(words: readonly string[], options: RunOptions): Promise<number> {
  const fromFiles = await Promise.all((options.dotenv ?? []).map(readEnvFile));
  const environment: Environment = Object.assign({}, ...fromFiles, process.env);
  // The secrets stay open while the command runs, so that what it was given is not revoked under it.
  return withSecrets(options, async ({ config, secrets }) => {
    const providers = Object.keys(config.providers);
    if (!options.json) warnOfUnresolved(environment, providers);
    return runChild(words, await resolveEnvironment(environment, secrets, providers));
  });
}
