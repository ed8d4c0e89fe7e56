import { watch } from "node:fs";
import path from "node:path";
import type { Change, SecretsError } from "@keyhold/core";
import { fileStamp } from "./checked-file.ts";
import { fileError } from "./errors.ts";
import type { Store } from "./store.ts";
import { currentVersion } from "./store-operations.ts";

const lookEveryMs = 500;
/** A checkout leaves the store absent or half written for a moment: so many failed looks in a row are an error. */
const toleratedFailures = 3;

export interface StoreWatcher {
  /** The current version of one secret, then each new one, until the signal or `close`. */
  watch(secretPath: string, signal: AbortSignal): AsyncIterable<Change>;
  close(): void;
}

/**
 * One watcher for all watches of a store. It watches the folder, because the watch of a file ends with the first rename,
 * and looks every 500 ms, because not every file system tells. Neither keeps the process alive.
 */
export function createStoreWatcher(store: Store): StoreWatcher {
  const listeners = new Set<() => void>();
  // Versions only: values are read when somebody asks for them.
  let versions: ReadonlyMap<string, string | undefined> | undefined;
  let stamp: string | undefined;
  let failures = 0;
  let failure: SecretsError | undefined;
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  let forced = false;
  let stop: (() => void) | undefined;
  let closed = false;

  const tell = () => {
    for (const listener of [...listeners]) listener();
  };

  const lookNow = async () => {
    const force = forced;
    forced = false;
    next = undefined;
    try {
      const found = await fileStamp(store.path);
      if (!force && failures === 0 && found === stamp) return;
      const { secrets } = await store.read();
      stamp = found;
      versions = new Map([...secrets].map(([name, secret]) => [name, currentVersion(secret)?.version]));
      failures = 0;
      failure = undefined;
    } catch (error) {
      failures++;
      if (versions === undefined || failures >= toleratedFailures) failure = fileError(error, "the store", store.path);
    }
    tell();
  };

  /** Who asks while a look is under way gets the one after it. `force` reads even where the file seems to be the same. */
  const look = (force: boolean): Promise<void> => {
    forced ||= force;
    next ??= running.then(() => {
      running = lookNow();
      return running;
    });
    return next;
  };

  const start = () => {
    const timer = setInterval(() => look(false), lookEveryMs).unref();
    const name = path.basename(store.path);
    let stopFolder = () => {};
    try {
      const folder = watch(path.dirname(store.path), { persistent: false }, (_, changed) => {
        if (changed === null || changed === name) look(true);
      });
      // Too few watches left, or the folder is gone: the looks go on.
      folder.on("error", () => folder.close());
      stopFolder = () => folder.close();
    } catch {}
    return () => {
      clearInterval(timer);
      stopFolder();
      versions = undefined;
      failures = 0;
      failure = undefined;
    };
  };

  return {
    async *watch(secretPath, signal) {
      let wake = () => {};
      const listener = () => wake();
      listeners.add(listener);
      signal.addEventListener("abort", listener);
      stop ??= start();
      // What others were told before this watch began may be older than what its caller knows.
      let fresh = false;
      look(true).then(() => {
        fresh = true;
        wake();
      });
      let told: string | undefined | null = null;
      try {
        while (!signal.aborted && !closed) {
          if (fresh && failure) throw failure;
          const version = versions?.get(secretPath);
          if (fresh && version !== told) {
            told = version;
            yield { version };
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        listeners.delete(listener);
        signal.removeEventListener("abort", listener);
        if (listeners.size === 0) {
          stop?.();
          stop = undefined;
        }
      }
    },
    close() {
      closed = true;
      tell();
    },
  };
}
