import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("waits for a command that may not be signalled, instead of leaving it to run alone", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("only root can start what it may not signal later");
  const program = path.join(import.meta.dirname, "fixtures/run-as-root.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@keyhold/source", program]);
  expect(stdout).toBe("started\nended with 7\n");
});
