import { readFileSync } from "node:fs";

/** The version of this package, from its own manifest: one level up from src and from dist alike. */
export function packageVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return manifest.version;
}
