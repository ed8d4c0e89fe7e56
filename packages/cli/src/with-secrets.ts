import { createSecrets, type Secrets } from "@keyhold/core";
import type { CommonOptions } from "./command-options.ts";
import type { KeyholdConfig } from "./define-config.ts";
import { openConfig } from "./open-config.ts";

/** Longer than a program's default: somebody may have to type a passphrase or to approve a login meanwhile. */
const deadlineMs = 60_000;

export interface OpenSecrets {
  readonly config: KeyholdConfig;
  /** References come from the command line, so the compiler knows none of their names. */
  readonly secrets: Secrets<string>;
}

/** Opens the secrets of the config, hands them to `work` and closes them, whatever comes of it. */
export async function withSecrets<T>(options: CommonOptions, work: (open: OpenSecrets) => Promise<T>): Promise<T> {
  const config = await openConfig(options);
  const secrets = createSecrets({ deadlineMs, ...config });
  try {
    return await work({ config, secrets });
  } finally {
    await secrets.close();
  }
}
