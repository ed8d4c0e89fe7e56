import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { entries, packages } from "../../scripts/packages.ts";

/** A manifest's exports without the condition that only this workspace understands. */
function withoutSource(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([condition]) => condition !== "@keyhold/source");
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutSource(item)]));
}

describe.each(packages().map((owner) => [owner.manifest.name, owner] as const))("%s", (_name, owner) => {
  const { directory, manifest } = owner;

  it("has a readme, a description and a licence", () => {
    expect(existsSync(path.join(directory, "README.md"))).toBe(true);
    expect(manifest.description).toMatch(/^[A-Z].*\.$/);
    expect(manifest.license).toBe("Apache-2.0");
  });

  it("is an ES module for Node 22.18 and newer, and ships its dist folder alone", () => {
    expect(manifest).toMatchObject({ type: "module", engines: { node: ">=22.18" } });
    expect(manifest.files).toEqual(["dist", "README.md", "LICENSE"]);
  });

  it("publishes the exports that it develops with, without the source condition", () => {
    expect(manifest.publishConfig?.exports).toEqual(withoutSource(manifest.exports));
    for (const source of Object.values(entries(owner))) expect(existsSync(path.join(directory, source)), source).toBe(true);
  });

  it("has an index that only names what it exports", () => {
    const code = readFileSync(path.join(directory, "src/index.ts"), "utf8");
    const rest = code.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "").replace(/export (?:type )?\{[^}]*\} from "[^"]+";/g, "");
    expect(rest.trim()).toBe("");
  });
});

it("every package has the same version", () => {
  expect(new Set(packages().map(({ manifest }) => manifest.version)).size).toBe(1);
});
