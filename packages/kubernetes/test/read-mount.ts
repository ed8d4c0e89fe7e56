// Reads a mount until it is told to stop, and says how many sets were whole and mixed: node read-mount.ts MOUNT volume|naive.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { volume } from "@keyhold/kubernetes";
import { callContext } from "@keyhold/testing";

const [mount = "", reader] = process.argv.slice(2);
const counts = { whole: 0, mixed: 0, failed: 0 };
let isOver = false;
process.on("disconnect", () => {
  isOver = true;
});
const provider = volume({ directory: path.dirname(mount) });

async function byVolume(): Promise<readonly string[]> {
  const { content } = await provider.read({ path: path.basename(mount) }, callContext({ deadlineMs: 20_000 }));
  return Object.values(content.kind === "fields" ? content.fields : {}).map((value) =>
    Buffer.from(value as Uint8Array).toString(),
  );
}

/** As programs usually do it: each file by its own name, through the link. */
async function naively(): Promise<readonly string[]> {
  const names = readdirSync(mount).filter((name) => !name.startsWith(".."));
  return names.map((name) => readFileSync(path.join(mount, name), "utf8"));
}

async function run(): Promise<void> {
  while (!isOver) {
    try {
      const generations = reader === "naive" ? await naively() : await byVolume();
      counts[generations.length === 5 && new Set(generations).size === 1 ? "whole" : "mixed"] += 1;
    } catch {
      counts.failed += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
    const done = counts.whole + counts.mixed + counts.failed;
    // The other end may be gone already: that is how a reader is told to stop.
    if (done % 20 === 1 && process.connected) process.send?.(counts, () => {});
  }
}
void run();
