import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

test("a temporary folder is removed with all that is in it, and may be removed twice", async () => {
  const { path: folder, remove } = await temporaryFolder("test");
  await writeFile(path.join(folder, "file"), "content");
  await Promise.all([remove(), remove()]);
  await expect(stat(folder)).rejects.toThrow("ENOENT");
});

test("a process that exits, whatever makes it, leaves no folder, not even where a server of its own still writes", async () => {
  const parent = await mkdtemp(path.join(tmpdir(), "keyhold-parent-"));
  const url = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const script = `
    import { startProcess } from ${JSON.stringify(url("processes.ts"))};
    import { temporaryFolder } from ${JSON.stringify(url("temporary-folder.ts"))};
    const { path: folder } = await temporaryFolder("test", ${JSON.stringify(parent)});
    const writes = "let n = 0; setInterval(() => require('node:fs').writeFileSync(String(n++), ''), 1); console.log('ready')";
    const server = { name: "the server", command: process.execPath, args: ["-e", writes], cwd: folder };
    await startProcess({ ...server, ready: (output) => output.includes("ready") });`;
  try {
    for (const end of ["process.exit(3)", "throw new Error('on purpose')"]) {
      const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script + end]);
      await expect(run).rejects.toMatchObject({ code: end.includes("3") ? 3 : 1 });
      expect(await readdir(parent)).toEqual([]);
    }
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});
