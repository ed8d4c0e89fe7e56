import { mkdirSync, mkdtempSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

function linkTo(target: string, link: string): void {
  const next = `${link}_tmp`;
  rmSync(next, { force: true });
  symlinkSync(target, next);
  renameSync(next, link);
}

/**
 * Writes a mounted Secret as the kubelet does: a new folder with all files, the link `..data` swapped to it, a link for each file,
 * and only then the old folder removed. https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
 */
export function writeMount(mount: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  mkdirSync(mount, { recursive: true });
  let old: string | undefined;
  try {
    old = readlinkSync(path.join(mount, "..data"));
  } catch {
    // The first time.
  }
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-T:]/g, "_");
  const folder = mkdtempSync(path.join(mount, `..${stamp}.`));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  linkTo(path.basename(folder), path.join(mount, "..data"));
  for (const name of Object.keys(files)) {
    const [top = name] = name.split("/");
    try {
      symlinkSync(path.join("..data", top), path.join(mount, top));
    } catch {
      // It is there from the time before.
    }
  }
  if (old !== undefined) rmSync(path.join(mount, old), { recursive: true });
}
