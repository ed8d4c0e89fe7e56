import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** A folder with these files, for one test. */
export function temporaryFolder(files: Readonly<Record<string, string | Uint8Array>> = {}): (name: string) => string {
  const folder = mkdtempSync(path.join(tmpdir(), "keyhold-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
  return (name) => path.join(folder, name);
}
