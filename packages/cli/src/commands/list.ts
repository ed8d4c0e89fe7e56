import type { ListedSecret } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { formatAge } from "../format-age.ts";
import { formatTable } from "../format-table.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export async function list(prefix: string | undefined, options: CommonOptions): Promise<void> {
  const start = prefix?.includes("://") ? prefix : `local://${prefix ?? ""}`;
  await withSecrets(options, async ({ secrets }) => {
    const found: ListedSecret[] = [];
    for await (const item of secrets.list(start)) found.push(item);
    if (options.json) return writeJson(found);
    if (found.length === 0) {
      process.stderr.write("nothing there yet\n");
      return;
    }
    const now = Date.now();
    const rows = found.map(({ path, version, createdAt, updatedAt }) => [
      path,
      version ?? "-",
      formatAge(updatedAt ?? createdAt, now),
    ]);
    return writeOutput(formatTable(["NAME", "VERSION", "CHANGED"], rows));
  });
}
