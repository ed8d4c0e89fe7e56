// Builds packages into their dist folders: node scripts/build.ts [FOLDER ...], all of them without an argument.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "tsdown";
import { type Bundled, billOfMaterials, bundledPackage, notices } from "./bundled.ts";
import { entries, type Package, packages, root } from "./packages.ts";

/** What may be inlined, by package. Everything else stays an import, so that a security fix reaches users without us. */
const inlined: Readonly<Record<string, readonly string[]>> = { "@keyhold/core": ["lru-cache"] };

/** Global names that inlined code looks at when it is loaded and does not need. That look at `performance` loads eleven of Node's modules. */
const withoutGlobals: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "@keyhold/core": { performance: "undefined" },
};

/**
 * lru-cache as it is published for browsers is the same code without the diagnostics channels, on which it would tell the values that it
 * holds, and with short names: a fifth of what the core's import costs.
 */
const replaced = ({ directory, manifest }: Package): Readonly<Record<string, string>> =>
  manifest.name === "@keyhold/core"
    ? { "lru-cache": path.join(directory, "node_modules/lru-cache/dist/esm/browser/index.min.js") }
    : {};

/** Everything but ASCII is escaped: with one wider character, V8 reads all of a file in twice the memory and a tenth slower. */
const asciiOnly = {
  name: "ascii-only",
  renderChunk: (code: string) => ({
    // Half a pair for half a pair, which strings, templates and regular expressions understand. No name of ours has any.
    code: code.replaceAll(/[^\0-\x7F]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
    map: null,
  }),
};

/** What an entry takes from the main one of its own package it imports from there, so that there is one of each. */
const mainEntry: Readonly<Record<string, RegExp>> = { "@keyhold/core": /^@keyhold\/core$/ };

/** A package that starts cold has entries of one file each, with our own packages inside: a further file costs a start a millisecond. */
const ownParts = (name: string): RegExp =>
  // Most logins at Vault are none of a cloud's workload, so its adapter loads what proves one when it is needed.
  name === "@keyhold/vault" ? /^@keyhold\/http$/ : /^@keyhold\/(?:http|identity)$/;

interface EntryBuild {
  readonly entry: Readonly<Record<string, string>>;
  readonly startsCold: boolean;
  readonly clean: boolean;
}

async function buildEntries(owner: Package, { entry, startsCold, clean }: EntryBuild) {
  const { name } = owner.manifest;
  const parts = ownParts(name);
  const { bundles } = await build({
    config: false,
    cwd: owner.directory,
    entry: { ...entry },
    format: "esm",
    platform: "node",
    target: "node22.18",
    fixedExtension: false,
    clean,
    alias: { ...replaced(owner) },
    define: { ...withoutGlobals[name] },
    deps: startsCold
      ? { alwaysBundle: parts, onlyBundle: [parts], dts: { neverBundle: parts } }
      : { onlyBundle: [...(inlined[name] ?? [])], ...(mainEntry[name] ? { neverBundle: [mainEntry[name]] } : {}) },
    // From their sources, as they may not be built yet.
    ...(startsCold ? { inputOptions: { resolve: { conditionNames: ["@keyhold/source", "node", "import", "default"] } } } : {}),
    outputOptions: Object.keys(entry).length === 1 ? { codeSplitting: false } : {},
    sourcemap: true,
    minify: false,
    plugins: [asciiOnly],
    dts: { generator: "oxc", sourcemap: false },
    tsconfig: path.join(root, "tsconfig.base.json"),
    failOnWarn: true,
    logLevel: "warn",
    report: false,
    hash: false,
  });
  return bundles.flatMap((bundle) => [...bundle.inlinedDeps]).filter(([inner]) => !parts.test(inner));
}

export async function buildPackage(owner: Package): Promise<void> {
  const all = Object.entries(entries(owner));
  const startsCold = all.some(([name]) => name === "lean");
  const groups = startsCold || mainEntry[owner.manifest.name] ? all.map((one) => [one]) : [all];
  const found: Bundled[] = [];
  for (const [index, group] of groups.entries()) {
    const inlinedDeps = await buildEntries(owner, { entry: Object.fromEntries(group), startsCold, clean: index === 0 });
    for (const [name, versions] of inlinedDeps) for (const version of versions) found.push(bundledPackage(owner, name, version));
  }
  if (found.length === 0) return;
  writeFileSync(path.join(owner.directory, "dist/THIRD-PARTY-NOTICES"), notices(found));
  writeFileSync(path.join(owner.directory, "dist/sbom.cdx.json"), billOfMaterials(owner, found));
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  const known = packages().filter(({ manifest }) => manifest.private !== true);
  const unknown = wanted.filter((folder) => !known.some((item) => item.folder === folder));
  if (unknown.length > 0) throw new Error(`no such package: ${unknown.join(", ")}`);
  for (const owner of known.filter(({ folder }) => wanted.length === 0 || wanted.includes(folder))) {
    const startedAt = performance.now();
    await buildPackage(owner);
    console.log(
      `${owner.manifest.name}: ${Object.keys(entries(owner)).join(", ")} (${Math.round(performance.now() - startedAt)} ms)`,
    );
  }
}
