import { statfs } from "node:fs/promises";
import path from "node:path";
import { fail } from "./errors.ts";

// Locks and renames of these are not what this store relies on. Numbers from statfs(2): https://man7.org/linux/man-pages/man2/statfs.2.html
const linuxTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xfe534d42, "SMB"],
  [0xff534d42, "SMB"],
  [0x01021997, "9p"],
  [0x65735546, "FUSE"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
  [0x73757245, "Coda"],
]);

/** The name of a network file system, by what `statfs` gives on Linux; undefined for every other type. */
export function networkFileSystem(type: number): string | undefined {
  return linuxTypes.get(type);
}

/**
 * Throws `unsupported` where a folder is on a network or in user space. On macOS the system gives no stable number, so
 * there nothing is refused; on Windows a UNC path is.
 */
export async function refuseNetworkFileSystem(folder: string): Promise<void> {
  const name = process.platform === "linux" ? networkFileSystem((await statfs(folder)).type) : uncName(folder);
  if (name === undefined) return;
  throw fail(
    "unsupported",
    `the store's folder ${folder} is on ${name}, where neither locks nor renames are certain`,
    "Reading works there. Keep a store that is written to on a local disk.",
  );
}

function uncName(folder: string): string | undefined {
  return process.platform === "win32" && path.parse(path.resolve(folder)).root.startsWith("\\\\") ? "a network share" : undefined;
}
