import { ask } from "../ask.ts";
import type { CommonOptions } from "../command-options.ts";
import { toReference } from "../to-reference.ts";
import { usageError } from "../usage-error.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export interface RemoveOptions extends CommonOptions {
  readonly yes?: boolean;
}

export async function remove(name: string, options: RemoveOptions): Promise<void> {
  const reference = toReference(name);
  if (!options.yes && !process.stdin.isTTY) {
    throw usageError("remove asks first, and standard input is no terminal", "Give --yes to remove without being asked.");
  }
  await withSecrets(options, async ({ secrets }) => {
    const confirmed = options.yes || /^y(es)?$/i.test((await ask(`Remove ${reference}? [y/N] `, { echo: true })).trim());
    if (confirmed) await secrets.remove(reference);
    if (options.json) return writeJson({ reference, removed: confirmed });
    return writeOutput(confirmed ? `${reference}: removed\n` : `${reference}: kept\n`);
  });
}
