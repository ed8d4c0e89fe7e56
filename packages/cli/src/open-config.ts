import { environment, local } from "@keyhold/local";
import { askPassphrase } from "./ask-passphrase.ts";
import type { KeyholdConfig } from "./define-config.ts";
import { findConfig } from "./find-config.ts";
import { loadConfigFile } from "./load-config-file.ts";

/**
 * The config of this folder, or the one that `--config` names. Without any: the local store as `local`, the environment as `env`.
 *
 * @throws SecretsError `invalid-argument` or `not-found` for a config file that is not there, not one or not alone.
 */
export async function openConfig({ config: named }: { readonly config?: string }): Promise<KeyholdConfig> {
  const file = findConfig(process.cwd(), named);
  if (file !== undefined) return loadConfigFile(file);
  return { providers: { local: local({ passphrase: askPassphrase }), env: environment() } };
}
