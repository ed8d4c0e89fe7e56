import { secret } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { readValue } from "../read-value.ts";
import { toReference } from "../to-reference.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export interface SetOptions extends CommonOptions {
  readonly raw?: boolean;
  readonly allowEmpty?: boolean;
}

export async function set(name: string, options: SetOptions): Promise<void> {
  const reference = toReference(name);
  await withSecrets(options, async ({ secrets }) => {
    // An unknown provider is said before somebody looks for the value.
    secrets.peek(reference);
    const value = await readValue(`Value of ${reference}: `, options);
    const { version } = await secrets.put(reference, secret(value));
    if (options.json) return writeJson({ reference, version });
    return writeOutput(`${reference}: stored as version ${version}\n`);
  });
}
