import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

const folders = new Set<string>();

/** A new folder named `keyhold-NAME-…`, among temporary files by default. It goes when the process exits, if nobody has removed it by then. */
export async function temporaryFolder(name: string, parent: string = tmpdir()): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(parent, `keyhold-${name}-`));
  // One listener for all: Node warns of more than ten.
  if (folders.size === 0) process.on("exit", removeAll);
  folders.add(folder);
  return {
    path: folder,
    async remove() {
      await rm(folder, { recursive: true, force: true });
      folders.delete(folder);
      if (folders.size === 0) process.off("exit", removeAll);
    },
  };
}

function removeAll(): void {
  for (const folder of folders) {
    try {
      // A server that was killed this moment may still finish a write.
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    } catch {
      // The others still have to go.
    }
  }
}
