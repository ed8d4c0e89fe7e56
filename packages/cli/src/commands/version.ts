import { packageVersion } from "../package-version.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export async function version(options: { readonly json?: boolean }): Promise<void> {
  const found = { keyhold: packageVersion(), node: process.versions.node, platform: `${process.platform}-${process.arch}` };
  if (options.json) return writeJson(found);
  return writeOutput(`keyhold ${found.keyhold}, Node ${found.node}, ${found.platform}\n`);
}
