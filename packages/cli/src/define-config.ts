import type { SecretFetchOptions } from "@keyhold/agents";
import type { Provider, SecretsOptions } from "@keyhold/core";

/** What `secretFetch` takes beside the secrets: where each value may go. */
export type AgentsConfig = Omit<SecretFetchOptions, "secrets">;

/**
 * What `keyhold.config.mts` exports: the options of `createSecrets` that a program and the command share, so that both can use
 * the one file.
 */
export type KeyholdConfig<P extends Readonly<Record<string, Provider>> = Readonly<Record<string, Provider>>> = Pick<
  SecretsOptions<P>,
  "providers" | "cache" | "deadlineMs"
> & {
  /** What `keyhold mcp serve` may do with the secrets. */
  readonly agents?: AgentsConfig;
};

/**
 * Types the default export of `keyhold.config.mts`. It returns what it is given.
 *
 * @example
 * export default defineConfig({ providers: { local: local(), env: environment() } });
 */
export function defineConfig<const P extends Readonly<Record<string, Provider>>>(config: KeyholdConfig<P>): KeyholdConfig<P> {
  return config;
}
