import { mkdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Where downloads and builds are kept between runs: `KEYHOLD_CACHE`, or a folder that goes with node_modules. */
export function cacheFolder(): string {
  return path.resolve(root, process.env.KEYHOLD_CACHE || "node_modules/.cache/keyhold");
}

/**
 * The cached folder of this name, made by `make` the first time. It appears whole or not at all, and of several processes that
 * ask at once one makes it while the others wait. Put everything that its content depends on into the name.
 */
export async function cachedFolder(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = path.join(cacheFolder(), name);
  if (await exists(folder)) return folder;
  await mkdir(cacheFolder(), { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (await exists(folder)) return folder;
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished);
    await make(unfinished);
    await rename(unfinished, folder);
    return folder;
  } finally {
    unlock();
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** SQLite's lock on a file is given back by the system when its holder dies, which a lock file of our own is not. */
async function lock(file: string): Promise<() => void> {
  const database = new DatabaseSync(file);
  for (;;) {
    try {
      database.exec("BEGIN EXCLUSIVE");
      return () => database.close();
    } catch (error) {
      if (!/locked/.test(String(error))) throw error;
      await delay(100);
    }
  }
}
