import type { VersionSummary } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { formatAge } from "../format-age.ts";
import { formatTable } from "../format-table.ts";
import { toReference } from "../to-reference.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export async function versions(name: string, options: CommonOptions): Promise<void> {
  const reference = toReference(name);
  await withSecrets(options, async ({ secrets }) => {
    const found: VersionSummary[] = [];
    for await (const item of secrets.versions(reference)) found.push(item);
    if (options.json) return writeJson(found);
    const now = Date.now();
    const staged = found.some(({ stages }) => stages !== undefined && stages.length > 0);
    const rows = found.map(({ version, state, createdAt, stages = [] }) => [
      version,
      state,
      formatAge(createdAt, now),
      ...(staged ? [stages.join(", ")] : []),
    ]);
    return writeOutput(formatTable(["VERSION", "STATE", "CREATED", ...(staged ? ["STAGES"] : [])], rows));
  });
}
