// Prints what the changelog says about a tag, and refuses a tag that does not fit: node scripts/release-notes.ts v0.1.0
import { readFileSync } from "node:fs";
import path from "node:path";
import { packages, root } from "./packages.ts";

/** The section of one version, without its heading. @throws where there is none, or none with a date. */
export function releaseNotes(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`[${version}] - `));
  if (section === undefined) throw new Error(`CHANGELOG.md has no section "## [${version}] - <date>"`);
  const [heading = "", ...lines] = section.split("\n");
  if (!/\] - \d{4}-\d{2}-\d{2}$/.test(heading)) throw new Error(`the section of ${version} has no date`);
  const notes = lines.join("\n").trim();
  if (notes === "") throw new Error(`the section of ${version} is empty`);
  return notes;
}

if (import.meta.main) {
  const version = /^v(\d+\.\d+\.\d+(?:-[\w.]+)?)$/.exec(process.argv[2] ?? "")?.[1];
  if (version === undefined) throw new Error("which tag? It reads v1.2.3");
  const others = packages().filter(({ manifest }) => manifest.version !== version);
  if (others.length > 0) throw new Error(`not at ${version}: ${others.map(({ manifest }) => manifest.name).join(", ")}`);
  console.log(releaseNotes(readFileSync(path.join(root, "CHANGELOG.md"), "utf8"), version));
}
