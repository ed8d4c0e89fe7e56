import type { BigIntStats } from "node:fs";
import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { fail, fileError, systemCode } from "./errors.ts";

/** What a file must be, before its bytes are believed. */
export interface FileRules {
  /** For messages: "the store". */
  readonly what: string;
  readonly maxBytes: number;
  /** Follow a symbolic link: Kubernetes and Docker mount secrets behind one. Default: refuse it. */
  readonly followLink?: boolean;
  /** Refuse a file that others may read. Default: it may be read, it is encrypted. */
  readonly private?: boolean;
  /** Refuse a file of another user, root included: it is about to be replaced. */
  readonly own?: boolean;
}

export interface ReadFile {
  readonly bytes: Buffer;
  readonly stamp: string;
}

// Windows has neither: there, links need a privilege, and opening a pipe does not wait.
const noFollow = constants.O_NOFOLLOW ?? 0;
const noWait = constants.O_NONBLOCK ?? 0;

/** What changes whenever a file is replaced or written. */
function stampOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

/** The stamp of what lies at `path` now, without opening it; undefined when there is nothing. */
export async function fileStamp(path: string): Promise<string | undefined> {
  try {
    return stampOf(await lstat(path, { bigint: true }));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Throws unless these are the facts of a regular file that nobody else could have written. */
export function checkFile(stats: BigIntStats, path: string, rules: FileRules): void {
  const { what } = rules;
  if (stats.isSymbolicLink()) {
    throw fail(
      "permission-denied",
      `${what} ${path} is a symbolic link`,
      "Give the path of the file itself: a link can be made to point elsewhere.",
    );
  }
  if (!stats.isFile())
    throw fail("permission-denied", `${what} ${path} is not a regular file`, "Move it away, or give another path.");
  if (stats.size > BigInt(rules.maxBytes)) {
    throw fail("decode", `${what} ${path} is larger than ${rules.maxBytes} bytes`, "This is not a file that Keyhold wrote.");
  }
  const me = process.geteuid?.();
  if (me === undefined) return;
  if (stats.uid !== BigInt(me) && (stats.uid !== 0n || rules.own)) {
    throw fail(
      "permission-denied",
      `${what} ${path} belongs to user ${stats.uid}, and this process runs as user ${me}`,
      "Run as its owner, or give it to this user with chown.",
    );
  }
  if ((stats.mode & 0o022n) !== 0n) {
    throw fail("permission-denied", `${what} ${path} may be written by its group or by everybody`, `Run: chmod go-w ${path}`);
  }
  if (rules.private && (stats.mode & 0o077n) !== 0n) {
    throw fail("permission-denied", `${what} ${path} may be read by others`, `Run: chmod 600 ${path}`);
  }
}

/**
 * Reads a whole file whose facts were checked on the open descriptor, so that nothing can be swapped in between.
 * Undefined when there is none.
 */
export async function readCheckedFile(path: string, rules: FileRules): Promise<ReadFile | undefined> {
  try {
    // Opening a FIFO would wait for its writer.
    const handle = await open(path, constants.O_RDONLY | noWait | (rules.followLink ? 0 : noFollow));
    try {
      const stats = await handle.stat({ bigint: true });
      checkFile(stats, path, rules);
      const bytes = await handle.readFile();
      return { bytes, stamp: stampOf(stats) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP" || code === "EMLINK") {
      throw fail(
        "permission-denied",
        `${rules.what} ${path} is a symbolic link`,
        "Give the path of the file itself: a link can be made to point elsewhere.",
      );
    }
    throw fileError(error, rules.what, path);
  }
}
