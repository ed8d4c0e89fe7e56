import { constants, type Dirent } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import path from "node:path";
import { type CallContext, throwIfEnded } from "@keyhold/core";
import { fail, isAbsent, mountError } from "./mount-error.ts";

/** All files of a mounted Secret, of one moment. */
export interface MountedSet {
  /** By name; `folder/name` where the volume's items have paths. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** When the kubelet put them there, milliseconds since 1970. */
  readonly createdAt: number;
}

/** Several Secrets may be projected into one volume. */
const maxBytes = 4 * 1024 * 1024;

interface Link {
  readonly target: string;
  /** Another one for each swap, also if two targets had the same name. */
  readonly stamp: string;
}

const tamperedHint = "The kubelet makes no such link: see who did.";

/** The link that the kubelet swaps. */
const linkOf = (folder: string): string => path.join(folder, "..data");

/** Tells one state of a mounted Secret from another, without reading it. Undefined: nothing is mounted. */
export async function mountStamp(folder: string): Promise<string | undefined> {
  try {
    return (await currentLink(folder)).stamp;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw mountError(error, "the volume");
  }
}

async function currentLink(folder: string): Promise<Link> {
  const link = linkOf(folder);
  const { dev, ino, ctimeNs } = await lstat(link, { bigint: true });
  const target = await readlink(link);
  return { target, stamp: `${dev}:${ino}:${ctimeNs}:${target}` };
}

/** Opens every file below the folder. Whatever happens to the folder then, an open file can be read. */
async function openAll(folder: string, opened: Map<string, FileHandle>): Promise<void> {
  const entries: Dirent[] = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(folder, file).split(path.sep).join("/");
    if (!entry.isFile())
      throw fail(
        "permission-denied",
        "the volume holds something else than files",
        "Mount the Secret itself, and nothing into it.",
      );
    opened.set(name, await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)));
  }
}

async function contentsOf(opened: ReadonlyMap<string, FileHandle>): Promise<Record<string, Uint8Array>> {
  let size = 0;
  const files: [string, Uint8Array][] = [];
  for (const [name, handle] of opened) {
    size += (await handle.stat()).size;
    if (size > maxBytes)
      throw fail("invalid-argument", `the files have more than ${maxBytes} bytes together`, "Mount large files elsewhere.");
    files.push([name, new Uint8Array(await handle.readFile())]);
  }
  return Object.fromEntries(files);
}

const isSwapped = async (folder: string, { stamp }: Link): Promise<boolean> => (await currentLink(folder)).stamp !== stamp;

/** Undefined when the kubelet swapped the link meanwhile. */
async function tryRead(folder: string, link: Link): Promise<MountedSet | undefined> {
  const { target } = link;
  if (target === "." || target === ".." || target !== path.basename(target))
    throw fail("permission-denied", "the volume's ..data leads out of its folder", tamperedHint);
  const directory = path.join(folder, target);
  const opened = new Map<string, FileHandle>();
  try {
    const stats = await lstat(directory);
    if (!stats.isDirectory()) throw fail("permission-denied", "the volume's ..data leads to no folder", tamperedHint);
    await openAll(directory, opened);
    // Only now is it known that the list was whole: the kubelet takes files away only after it has swapped the link.
    if (await isSwapped(folder, link)) return undefined;
    return { files: await contentsOf(opened), createdAt: stats.mtimeMs };
  } catch (error) {
    // The old folder goes while it is read.
    if (isAbsent(error) && (await isSwapped(folder, link))) return undefined;
    throw isAbsent(error) ? fail("unavailable", "the volume's ..data leads nowhere", tamperedHint) : error;
  } finally {
    for (const handle of opened.values()) await handle.close();
  }
}

/**
 * Reads all files of a mounted Secret as one set, never mixed of two.
 *
 * The kubelet writes a new folder, swaps the link `..data` to it, and removes the old folder. So the link is resolved once, the files
 * are opened in that folder, and if the link is still the same then, they are the set; otherwise everything begins anew.
 * https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
 *
 * @returns undefined where nothing is mounted.
 */
export async function readMount(folder: string, context: CallContext): Promise<MountedSet | undefined> {
  try {
    for (;;) {
      throwIfEnded(context);
      const found = await tryRead(folder, await currentLink(folder));
      if (found) return found;
    }
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw mountError(error, "the volume");
  }
}
