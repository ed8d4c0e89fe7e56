import { isBuiltin } from "node:module";
import path from "node:path";
import { build as esbuild } from "esbuild";
import { build as tsdown } from "tsdown";

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
  /** The packages whose code is inside, and the modules that are left to be found when it runs. Node's own do not count. */
  readonly packages: readonly string[];
}

export type Bundler = (source: string, folder: string, minify: boolean) => Promise<Bundle>;

const ofPackage = (file: string): string[] => {
  const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file.replaceAll("\\", "/"))?.[1];
  return name === undefined ? [] : [name];
};
const distinct = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** As for a function in CommonJS, all in one file. */
const byEsbuild: Bundler = async (source, folder, minify) => {
  const file = path.join(folder, `esbuild-${minify}.cjs`);
  const { metafile } = await esbuild({
    entryPoints: [source],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "cjs",
    minify,
    metafile: true,
    // A vendor's SDK that is not installed is left out, and counted.
    external: ["@aws-sdk/*", "@azure/*", "@google-cloud/*", "google-*", "node-vault"],
    logLevel: "silent",
  });
  const left = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
  const names = left.map((one) => one.path).filter((name) => !isBuiltin(name));
  const { bytes } = Object.values(metafile.outputs)[0] ?? { bytes: 0 };
  return { file, bytes, packages: distinct([...Object.keys(metafile.inputs).flatMap(ofPackage), ...names]) };
};

/** As for a function that is an ES module, by rolldown. */
const byTsdown: Bundler = async (source, folder, minify) => {
  const outDir = path.join(folder, `tsdown-${minify}`);
  const { bundles } = await tsdown({
    config: false,
    cwd: path.dirname(source),
    entry: { handler: source },
    outDir,
    format: "esm",
    platform: "node",
    target: "node22.18",
    fixedExtension: true,
    deps: { alwaysBundle: /^@keyhold\// },
    minify,
    dts: false,
    report: false,
    logLevel: "silent",
  });
  const chunks = bundles.flatMap((bundle) => bundle.chunks).flatMap((chunk) => (chunk.type === "chunk" ? [chunk] : []));
  const names = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  const own = new Set(chunks.map(({ fileName }) => fileName));
  const left = names.filter((name) => !own.has(name) && !isBuiltin(name));
  return {
    file: path.join(outDir, "handler.mjs"),
    bytes: chunks.reduce((sum, { code }) => sum + Buffer.byteLength(code), 0),
    packages: distinct([...chunks.flatMap(({ moduleIds }) => moduleIds.flatMap(ofPackage)), ...left]),
  };
};

export const bundlers: Readonly<Record<string, Bundler>> = { esbuild: byEsbuild, tsdown: byTsdown };
