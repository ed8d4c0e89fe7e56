import { lstat } from "node:fs/promises";
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, isSecretsError } from "@keyhold/core";
import { throwIfAborted } from "./abort.ts";
import { checkFile } from "./checked-file.ts";
import { fail, systemCode } from "./errors.ts";
import { loadSqlite } from "./sqlite.ts";
import { createFile } from "./write-file.ts";

export interface StoreLock {
  /** Throws unless the lock file is still the one that was locked: somebody may have deleted it, and locked a new one. */
  verify(): Promise<void>;
  release(): void;
}

// SQLite's primary result codes: https://sqlite.org/rescode.html
const busy = 5;
const readOnly = 8;
const longestPauseMs = 20;

/**
 * Takes the lock of a store: an exclusive SQLite transaction on an empty file beside it, which the system frees when its
 * holder dies. Node has no flock. SQLite would wait by blocking the event loop, so it does not wait, and this does.
 *
 * @throws SecretsError `timeout` or `aborted` when the call ends first, `permission-denied` when somebody else has put the lock file there.
 */
export async function lockStore(storePath: string, context: CallContext): Promise<StoreLock> {
  const lockPath = path.join(path.dirname(storePath), `.${path.basename(storePath)}.lock`);
  for (;;) {
    throwIfOver(context);
    const before = (await lockFile(lockPath)) ?? ((await createFile(lockPath, new Uint8Array())) && (await lockFile(lockPath)));
    const database = before ? tryLock(lockPath) : undefined;
    if (database === undefined) {
      // Random, so that many waiting processes do not ask in step.
      await sleep(1 + Math.random() * longestPauseMs);
      continue;
    }
    const release = () => database.close();
    try {
      if ((await lockFile(lockPath)) === before) {
        const verify = async () => {
          if ((await lockFile(lockPath)) !== before) {
            throw fail(
              "conflict",
              "the lock file was replaced while it was held",
              "Leave it in place: it is empty. Nothing was changed.",
            );
          }
        };
        return { verify, release };
      }
    } catch (error) {
      release();
      throw error;
    }
    release();
  }
}

function throwIfOver(context: CallContext): void {
  try {
    throwIfAborted(context);
  } catch (error) {
    if (!isSecretsError(error, "timeout")) throw error;
    throw fail(
      "timeout",
      "another process held the lock of the store until the deadline",
      "See what writes to it; or give the call a longer deadlineMs.",
    );
  }
}

/**
 * Which file the lock file is; undefined when there is none. Never opened through `fs`: closing that descriptor would free
 * every POSIX lock that this process holds on the file, and let a second holder in.
 */
async function lockFile(lockPath: string): Promise<string | undefined> {
  try {
    const stats = await lstat(lockPath, { bigint: true });
    checkFile(stats, lockPath, { what: "the lock file", maxBytes: 0, own: true });
    return `${stats.dev}:${stats.ino}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Undefined while somebody else holds it. */
function tryLock(lockPath: string): DatabaseSync | undefined {
  const { DatabaseSync } = loadSqlite();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(lockPath, { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    const errcode = (error as { errcode?: number }).errcode ?? 0;
    if ((errcode & 0xff) === busy) return undefined;
    if ((errcode & 0xff) === readOnly) {
      throw fail(
        "permission-denied",
        `the lock file ${lockPath} or its folder may not be written`,
        "Let this user write to the folder of the store.",
      );
    }
    throw fail(
      "unavailable",
      `the lock file ${lockPath} cannot be locked (SQLite error ${errcode})`,
      "Delete it while nothing writes to the store; it is empty and comes back.",
      {
        retryable: false,
      },
    );
  }
}
