import { copyFileSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Manifest, type Package, packages, readManifest, root } from "../../scripts/packages.ts";
import { bound, measureImports } from "../bench/import-cost.ts";
import { bundlers } from "./bundle.ts";
import { consumer, packedPackages, pinnedNode, run } from "./consumer.ts";
import { handlerSource } from "./handlers.ts";

const published = packages();
let folder: string;
let tarballs: string[];
/** A project with every package installed. */
let project: string;

beforeAll(async () => {
  ({ folder, tarballs } = await packedPackages());
  project = await consumer(folder, "all", tarballs);
  // An entry that is named after an optional peer, such as @keyhold/testing/vitest, is for those who have it.
  for (const { manifest } of published) {
    for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
      if (specifiers(manifest).includes(`${manifest.name}/${peer}`)) {
        symlinkSync(path.join(root, "node_modules", peer), path.join(project, "node_modules", peer), "junction");
      }
    }
  }
});

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const tarballOf = ({ manifest }: Package): string => {
  const name = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`;
  return tarballs.find((tarball) => path.basename(tarball) === name) as string;
};
const installed = ({ manifest }: Package): string => path.join(project, "node_modules", manifest.name);

/** What a program can import of a package: `@keyhold/core`, `@keyhold/testing/vitest`. */
const specifiers = (manifest: Manifest): string[] =>
  Object.keys(manifest.exports ?? {})
    .filter((entry) => !entry.endsWith(".json"))
    .map((entry) => manifest.name + entry.slice(1));

describe.each(published.map((owner) => [owner.manifest.name, owner] as const))("the tarball of %s", (_name, owner) => {
  it("holds the built code with its types and maps, a licence, a readme and no sources", () => {
    const files = readdirSync(installed(owner), { recursive: true, encoding: "utf8" }).filter(
      (file) => !file.startsWith("node_modules"),
    );
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    const code = files.filter((file) => file.endsWith(".js"));
    expect(code.length).toBeGreaterThan(0);
    for (const file of code) expect(files).toContain(`${file}.map`);
    expect(files.filter((file) => /(^|\/)(src|test)(\/|$)|(?<!\.d)\.ts$|\.tsbuildinfo$/.test(file))).toEqual([]);
  });

  it("has a manifest without anything that only this workspace understands", () => {
    const text = readFileSync(path.join(installed(owner), "package.json"), "utf8");
    expect(text).not.toMatch(/workspace:|catalog:|@keyhold\/source|"\.\/src\//);
    expect(readManifest(installed(owner)).exports).toEqual(owner.manifest.publishConfig?.exports);
  });

  it("passes publint", async () => {
    const tarball = readFileSync(tarballOf(owner));
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it("has types that every module resolution of today finds", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarballOf(owner))));
    if (!analysis.types) expect.unreachable("it has no types");
    // ESM only: a CommonJS program gets the same module by require(), which attw does not know yet.
    const problems = analysis.problems.filter(
      (problem) => !("resolutionKind" in problem) || !["node10", "node16-cjs"].includes(problem.resolutionKind),
    );
    expect(problems).toEqual([]);
  });
});

describe("the core's tarball", () => {
  const core = published.find(({ folder }) => folder === "core") as Package;

  it("is one readable file for each entry, the main one with lru-cache inside, which its notices and its bill of materials name", () => {
    const dist = path.join(installed(core), "dist");
    expect(readdirSync(dist).filter((file) => file.endsWith(".js"))).toEqual(["index.js", "webhook.js"]);
    // What takes webhooks uses the main entry, and is no part of it.
    const imports = (file: string) => readFileSync(path.join(dist, file), "utf8").match(/(?<=^import .*from ").*(?=";$)/gm) ?? [];
    expect(imports("webhook.js")).toEqual(["@keyhold/core"]);
    expect(imports("index.js").every((name) => name.startsWith("node:"))).toBe(true);
    const code = readFileSync(path.join(dist, "index.js"), "utf8");
    expect(code).toMatch(/^class SecretsError extends Error|SecretsError = class/m);
    expect(code).not.toMatch(/from "lru-cache/);
    expect(code.split("\n").length).toBeGreaterThan(2_000);
    expect(readFileSync(path.join(dist, "index.d.ts"), "utf8")).not.toContain("lru-cache");
    expect(readManifest(installed(core)).dependencies ?? {}).toEqual({});
    const notices = readFileSync(path.join(dist, "THIRD-PARTY-NOTICES"), "utf8");
    expect(notices).toBe(readFileSync(path.join(root, "THIRD-PARTY-NOTICES"), "utf8"));
    const bill = JSON.parse(readFileSync(path.join(dist, "sbom.cdx.json"), "utf8"));
    expect(bill).toMatchObject({
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      metadata: { component: { name: "@keyhold/core" } },
    });
    expect(bill.components.map((component: { name: string }) => component.name)).toEqual(["lru-cache"]);
  });

  it("installs without a registry", async () => {
    const alone = await consumer(folder, "alone", [tarballOf(core)], ["--offline"]);
    expect(readdirSync(path.join(alone, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["@keyhold"]);
  });

  it("costs no more than ten times its bound when it is imported", { retry: 3 }, () => {
    const [, , { over }] = measureImports(path.join(installed(core), "dist/index.js"), 7);
    expect(over.ms).toBeLessThan(10 * bound.ms);
    expect(over.megabytes).toBeLessThan(10 * bound.megabytes);
  });

  it("loads no network module and no cryptography when it is imported", async () => {
    const script = `await import("@keyhold/core"); console.log(JSON.stringify(process.moduleLoadList))`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: project });
    const loaded = JSON.parse(stdout) as string[];
    expect(loaded).toContain("NativeModule diagnostics_channel");
    expect(
      loaded.filter((name) =>
        /^NativeModule (http|https|http2|net|tls|dns|dgram|crypto|internal\/deps\/undici\/undici)$/.test(name),
      ),
    ).toEqual([]);
  });
});

describe("a TypeScript program", () => {
  it("compiles against the published types with every check on and no vendor's SDK installed", async () => {
    const all = published.flatMap(({ manifest }) => specifiers(manifest));
    const imports = all.map((specifier, index) => `export type * as entry${index} from "${specifier}";`);
    writeFileSync(path.join(project, "every-entry.ts"), imports.join("\n"));
    copyFileSync(path.join(import.meta.dirname, "program.ts"), path.join(project, "program.ts"));
    const compilerOptions = {
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: ["node"],
      typeRoots: [path.join(root, "node_modules/@types")],
    };
    writeFileSync(
      path.join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["every-entry.ts", "program.ts"] }),
    );
    const vendors = readdirSync(path.join(project, "node_modules")).filter((name) =>
      /^@(aws-sdk|azure|google-cloud)$/.test(name),
    );
    expect(vendors).toEqual([]);
    const tsc = path.join(root, "node_modules/typescript/bin/tsc");
    const outcome = await run(process.execPath, [tsc, "--project", project]).catch((error: { stdout: string }) => error);
    expect(outcome.stdout).toBe("");
  });
});

describe("a function that is bundled", () => {
  const isVendors = (name: string) => !name.startsWith("@keyhold/");
  const lean = published.filter(({ manifest }) => "./lean" in (manifest.exports ?? {}));

  const write = (name: string, entry: string): string => {
    const file = path.join(project, `handler-${entry.replaceAll(/\W+/g, "-")}.mjs`);
    writeFileSync(file, handlerSource(name, entry));
    return file;
  };

  it.each(lean.flatMap((owner) => Object.entries(bundlers).map(([tool, bundle]) => ({ owner, tool, bundle }))))(
    "with $owner.manifest.name/lean by $tool holds no vendor's code and runs",
    async ({ owner: { folder: name, manifest }, tool, bundle }) => {
      const source = write(name, `${manifest.name}/lean`);
      const out = path.join(project, `bundle-${name}`);
      const [plain, small] = [await bundle(source, out, false), await bundle(source, out, true)];
      const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;
      console.log(`${manifest.name}/lean by ${tool}: ${kib(plain.bytes)}, ${kib(small.bytes)} minified`);
      expect(plain.packages).toContain("@keyhold/core");
      expect([...plain.packages, ...small.packages].filter(isVendors)).toEqual([]);
      for (const { file } of [plain, small]) {
        const program = path.join(out, "run.mjs");
        // Alone: not even Keyhold is installed there.
        const alone = path.join(folder, `alone-${name}-${path.basename(file)}`);
        copyFileSync(file, alone);
        writeFileSync(
          program,
          `import { handler } from ${JSON.stringify(pathToFileURL(alone).href)}; console.log(await handler());`,
        );
        const { stdout, stderr } = await run(process.execPath, [program], { cwd: folder });
        expect([stdout.trim(), stderr]).toEqual(["unavailable", ""]);
      }
    },
  );

  it("with the entry that has the SDK behind it does hold, or wants, vendor's code", async () => {
    for (const { folder: name, manifest } of lean) {
      const bundle = await bundlers.esbuild?.(write(name, manifest.name), path.join(project, `bundle-${name}-sdk`), false);
      expect(bundle?.packages.filter(isVendors), name).not.toEqual([]);
    }
  });
});

const load = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const names = {};
for (const specifier of JSON.parse(process.argv[2])) {
  const imported = Object.keys(await import(specifier));
  const required = Object.keys(require(specifier)).filter((name) => name !== "__esModule");
  names[specifier] = [imported.sort(), required.sort()];
}
console.log(JSON.stringify({ version: process.version, names }));
`;

describe.each([22, 24] as const)("on Node %i", (major) => {
  it("every entry can be imported and required, with the same names", async (context) => {
    const node = pinnedNode(major);
    if (node === undefined) return context.skip(`npm has no Node ${major} for this platform`);
    const all = published.flatMap(({ manifest }) => specifiers(manifest));
    const program = path.join(project, "load.mjs");
    writeFileSync(program, load);
    const { stdout, stderr } = await run(node, [program, JSON.stringify(all)], { cwd: project });
    const { version, names } = JSON.parse(stdout) as { version: string; names: Record<string, [string[], string[]]> };
    expect(version).toMatch(`v${major}.`);
    expect(stderr).toBe("");
    for (const specifier of all) {
      const [imported, required] = names[specifier] ?? [[], []];
      expect(imported, specifier).not.toEqual([]);
      expect(required, specifier).toEqual(imported);
    }
  });

  it("every program of a bin starts", async (context) => {
    const node = pinnedNode(major);
    if (node === undefined) return context.skip(`npm has no Node ${major} for this platform`);
    for (const owner of published) {
      for (const file of Object.values(readManifest(installed(owner)).bin ?? {})) {
        const { stdout } = await run(node, [path.join(installed(owner), file), "--version"], { cwd: project });
        expect(stdout).toContain(owner.manifest.version);
      }
    }
  });
});
