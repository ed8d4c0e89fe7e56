import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export const root: string = path.dirname(import.meta.dirname);

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly private?: boolean;
  readonly type?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly bin?: string | Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>>; readonly bin?: Manifest["bin"] };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface Package {
  /** The folder's name under packages/, such as "core". */
  readonly folder: string;
  readonly directory: string;
  readonly manifest: Manifest;
}

export function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(path.join(directory, "package.json"), "utf8")) as Manifest;
}

/** Every package of packages/, by folder name. */
export function packages(): Package[] {
  return readdirSync(path.join(root, "packages"))
    .sort()
    .map((folder) => ({ folder, directory: path.join(root, "packages", folder) }))
    .filter(({ directory }) => existsSync(path.join(directory, "package.json")))
    .map((found) => ({ ...found, manifest: readManifest(found.directory) }));
}

function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}

/** What a package publishes as code, and the source that each comes from: `dist/NAME.js` is built from `src/NAME.ts`. */
export function entries({ manifest }: Package): Record<string, string> {
  const published = [...strings(manifest.publishConfig?.exports ?? manifest.exports), ...strings(manifest.bin)];
  const names = published.flatMap((file) => /^(?:\.\/)?dist\/(.+)\.js$/.exec(file)?.[1] ?? []);
  return Object.fromEntries([...new Set(names)].map((name) => [name, `src/${name}.ts`]));
}
