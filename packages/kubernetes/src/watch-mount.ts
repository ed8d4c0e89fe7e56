import { type FSWatcher, watch } from "node:fs";
import type { Change } from "@keyhold/core";
import { mountStamp } from "./read-mount.ts";

const lookEveryMs = 500;

/** Watches a folder's entries, where the system tells of them. Undefined where it cannot. */
function watchFolder(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // Not there yet, or too few watches left: the looks go on.
    return undefined;
  }
}

/**
 * The version of a mounted Secret, then each change, until the signal. The folder is watched, because the link in it is replaced by
 * another each time, and looked at every half second, because not every file system tells. Neither keeps the process alive.
 */
export async function* watchMount(
  folder: string,
  version: () => Promise<string | undefined>,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  let wake = () => {};
  let isDue = true;
  const rouse = () => {
    isDue = true;
    wake();
  };
  let watcher: FSWatcher | undefined;
  let stamp: string | undefined | null = null;
  let told: string | undefined | null = null;
  const timer = setInterval(rouse, lookEveryMs).unref();
  signal.addEventListener("abort", rouse);
  try {
    while (!signal.aborted) {
      if (!isDue) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      isDue = false;
      watcher ??= watchFolder(folder, rouse);
      const found = await mountStamp(folder);
      if (found === stamp) continue;
      stamp = found;
      if (found === undefined) {
        // The watch of a folder that went tells nothing of one that comes.
        watcher?.close();
        watcher = undefined;
      }
      const next = found === undefined ? undefined : await version();
      if (next === told || signal.aborted) continue;
      told = next;
      yield { version: next };
    }
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", rouse);
    watcher?.close();
  }
}
