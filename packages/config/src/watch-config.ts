import { type Handle, isSecretsError, type Secrets, type SecretsError } from "@keyhold/core";
import { ConfigWatch } from "./config-watch.ts";
import { evaluate } from "./evaluate.ts";
import type { LiveConfig } from "./live-config.ts";
import { fetchWholes, type LoadConfigOptions } from "./load-config.ts";
import { preparePlan } from "./prepare-plan.ts";
import type { Found } from "./resolve.ts";

export interface WatchConfigOptions<Output> extends LoadConfigOptions<Output> {
  /**
   * Called when a new version of a secret does not make a valid configuration, so that `current` stays as it was, and when a
   * listener fails. Default: a process warning with the code `KEYHOLD_CONFIG_REFUSED` or `KEYHOLD_LISTENER_FAILED`.
   */
  readonly onError?: (error: SecretsError) => void;
}

/**
 * Loads configuration as `loadConfig` does, and keeps it the newest: when a secret changes, the whole object is validated again
 * and swapped at once. What does not validate is reported and not swapped in. Sources are read once.
 *
 * A secret that was missing, and was optional or had a default, is not watched for.
 *
 * @throws SecretsError as `loadConfig` does. After that nothing throws: see `onError`.
 * @example
 * const live = await watchConfig({ secrets, sources: [fromFile("config.yaml")], schema });
 * live.onChange((config) => config.database.url, (url) => pool.replace(url));
 */
export async function watchConfig<Output>(options: WatchConfigOptions<Output>): Promise<LiveConfig<Output>> {
  const { plan, checkProvider } = await preparePlan(options);
  const fetched = await fetchWholes(options.secrets, plan);
  const evaluateFound = (found: Found) => evaluate(plan, found, { ...options, checkProvider });
  // Validated before anything is followed, so that a refusal leaves nothing behind.
  const first = await evaluateFound(fetched);
  const handles = await openHandles(options.secrets, fetched);
  return new ConfigWatch({ plan, handles, evaluate: evaluateFound, options }, fetched, first);
}

async function openHandles(secrets: Secrets, fetched: Found): Promise<Map<string, Handle>> {
  const wanted = [...fetched].filter(([, found]) => !isSecretsError(found)).map(([whole]) => whole);
  const opened = await Promise.allSettled(wanted.map((whole) => secrets.handle(whole)));
  const failure = opened.find((result) => result.status === "rejected");
  if (failure) {
    for (const result of opened) if (result.status === "fulfilled") result.value.close();
    throw failure.reason;
  }
  return new Map(wanted.map((whole, index) => [whole, (opened[index] as PromiseFulfilledResult<Handle>).value]));
}
