import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type Manifest, packages, readManifest, root } from "../../scripts/packages.ts";
import { read, repositoryFiles } from "./files.ts";

const manifests = repositoryFiles()
  .filter((name) => path.basename(name) === "package.json")
  .map((name) => ({ name, manifest: readManifest(path.join(root, path.dirname(name))) }));
const workspace = parse(read("pnpm-workspace.yaml")) as { catalog: Record<string, string>; allowBuilds: Record<string, unknown> };
const kinds = ["dependencies", "devDependencies"] as const;

const isOurs = (name: string) => name === "keyhold" || name.startsWith("@keyhold/");

/** What stands in the table of docs/dependencies.md, by package. */
function documented(): Map<string, string> {
  const rows = [...read("docs/dependencies.md").matchAll(/^\|\s*`?([@\w./-]+)`?\s*\|(.+)$/gm)];
  return new Map(
    rows.filter(([, name]) => name !== "package" && !/^-+$/.test(name ?? "")).map(([, name, row]) => [name ?? "", row ?? ""]),
  );
}

describe("dependencies", () => {
  it.each(manifests)("of $name come from the catalog or the workspace", ({ manifest }) => {
    for (const kind of kinds) {
      for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
        // Nobody installs a private package, so any way of naming a sibling will do there.
        const shape = !isOurs(name) ? /^catalog:$/ : manifest.private ? /^workspace:/ : /^workspace:\^$/;
        expect(version, name).toMatch(shape);
      }
    }
  });

  it("are exact in the catalog, in alphabetical order, and all of them are used", () => {
    const names = Object.keys(workspace.catalog);
    expect(names).toEqual([...names].sort());
    for (const [name, version] of Object.entries(workspace.catalog))
      expect(String(version), name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    const used = new Set(manifests.flatMap(({ manifest }) => kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {}))));
    expect(names.filter((name) => !used.has(name))).toEqual([]);
  });

  it("that run at users' are named in docs/dependencies.md, and no others", () => {
    const wanted = packages().flatMap(({ manifest }) => [
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.peerDependencies ?? {}),
    ]);
    const inlined = "lru-cache";
    const expected = [...new Set([...wanted.filter((name) => !isOurs(name)), inlined])].sort();
    expect([...documented().keys()].sort()).toEqual(expected);
  });
});

describe("the packages", () => {
  /** What an adapter may stand on. */
  const foundations = ["@keyhold/core", "@keyhold/http", "@keyhold/identity"];
  const mayUse: Readonly<Record<string, (name: string) => boolean>> = {
    "@keyhold/core": () => false,
    "@keyhold/http": (name) => name === "@keyhold/core",
    "@keyhold/identity": (name) => ["@keyhold/core", "@keyhold/http"].includes(name),
    "@keyhold/config": (name) => name === "@keyhold/core",
    "@keyhold/testing": (name) => name === "@keyhold/core",
    "@keyhold/rotation": (name) => foundations.includes(name),
    "@keyhold/agents": (name) => [...foundations, "@keyhold/config"].includes(name),
    keyhold: () => true,
  };
  const ours = ({ dependencies, peerDependencies }: Manifest) =>
    Object.keys({ ...dependencies, ...peerDependencies }).filter(isOurs);

  it.each(packages().map(({ manifest }) => [manifest.name, manifest] as const))(
    "%s depends on no adapter but the command line does",
    (name, manifest) => {
      const isAllowed = mayUse[name] ?? ((wanted: string) => foundations.includes(wanted));
      expect(ours(manifest).filter((wanted) => !isAllowed(wanted))).toEqual([]);
    },
  );
});

it("one pnpm installs, packs and releases", () => {
  const versions = ["scripts/run.mjs", "scripts/pack.ts"].flatMap((name) => read(name).match(/pnpm@[\d.]+/g) ?? []);
  expect(versions.length).toBeGreaterThanOrEqual(2);
  expect(new Set(versions).size).toBe(1);
});
