import { constants } from "node:fs";
import { type FileHandle, link, open, readdir, rename, unlink } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, systemCode } from "./errors.ts";

/** The moments of a write at which a crash must do no harm. The tests kill the process there. */
export type Step = (moment: "locked" | "partly-written" | "before-rename" | "after-rename") => void;

const chunkBytes = 64 * 1024;
const suffix = /\.[0-9a-f]{16}\.tmp$/;

async function writeAll(handle: FileHandle, bytes: Uint8Array, step: Step): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, offset, Math.min(chunkBytes, bytes.byteLength - offset));
    offset += bytesWritten;
    step("partly-written");
  }
  const { size } = await handle.stat();
  if (size !== bytes.byteLength) {
    throw fail("unavailable", "the file system kept less than was written", "Free some space. Nothing was changed.", {
      retryable: false,
    });
  }
  await handle.sync();
}

/** Makes a rename or a new name in `folder` survive a power cut. Windows cannot, and its rename is journalled. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a whole file beside `target`, and lets `publish` give it its name. Other processes see nothing or all of it. */
async function writeBeside(
  target: string,
  bytes: Uint8Array,
  step: Step,
  publish: (temporary: string) => Promise<boolean>,
): Promise<boolean> {
  const folder = path.dirname(target);
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  const temporary = path.join(folder, `.${path.basename(target)}.${id}.tmp`);
  const handle = await open(temporary, "wx", 0o600);
  let published = false;
  try {
    try {
      await writeAll(handle, bytes, step);
    } finally {
      await handle.close();
    }
    published = await publish(temporary);
  } finally {
    await unlink(temporary).catch(() => {});
  }
  if (published) await syncFolder(folder);
  return published;
}

/**
 * Replaces `target` by these bytes, for its owner alone. False when `isSame`, asked right before the rename, says that it is
 * no longer the file to replace: then it is left as it is.
 */
export function replaceFile(target: string, bytes: Uint8Array, isSame: () => Promise<boolean>, step: Step): Promise<boolean> {
  return writeBeside(target, bytes, step, async (temporary) => {
    if (!(await isSame())) return false;
    step("before-rename");
    await renameOver(temporary, target);
    step("after-rename");
    return true;
  });
}

/**
 * Creates `target` with these bytes, for its owner alone. False when something is there already: that is never touched.
 */
export function createFile(target: string, bytes: Uint8Array): Promise<boolean> {
  return writeBeside(target, bytes, noStep, async (temporary) => {
    try {
      // A rename would replace what somebody else has just created; a link does not.
      await link(temporary, target);
      return true;
    } catch (error) {
      if (systemCode(error) === "EEXIST") return false;
      throw error;
    }
  });
}

export const noStep: Step = () => {};

async function renameOver(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      // On Windows a virus scanner or a reader holds the old file for a moment.
      const held = process.platform === "win32" && ["EPERM", "EBUSY", "EACCES"].includes(systemCode(error) ?? "");
      if (!held || attempt === 20) throw error;
      await sleep(attempt * 10);
    }
  }
}

/** Removes what writers left beside `target` when they were killed. Only under the lock: then nobody is writing. */
export async function removeLeftovers(target: string): Promise<void> {
  const folder = path.dirname(target);
  const start = `.${path.basename(target)}.`;
  for (const name of await readdir(folder)) {
    if (name.startsWith(start) && suffix.test(name)) await unlink(path.join(folder, name)).catch(() => {});
  }
}
