import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Package, readManifest } from "./packages.ts";

/** A package whose code stands inside one of our files, so that its licence has to travel with it. */
export interface Bundled {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly text: string;
}

/** Finds the licence of what was inlined into `owner`. @throws where a package has none to give. */
export function bundledPackage(owner: Package, name: string, version: string): Bundled {
  const directory = path.join(owner.directory, "node_modules", name);
  const manifest = readManifest(directory);
  if (manifest.version !== version) throw new Error(`${name} ${version} was inlined, ${manifest.version} is installed`);
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined || manifest.license === undefined) throw new Error(`${name} ships no licence`);
  return { name, version, license: manifest.license, text: readFileSync(path.join(directory, file), "utf8").trim() };
}

/** The text of THIRD-PARTY-NOTICES. */
export function notices(bundled: readonly Bundled[]): string {
  const head = "This package contains the code of the packages named below, each under its own licence.\n";
  const parts = bundled.map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`);
  return [head, ...parts].join(`\n${"-".repeat(80)}\n\n`);
}

const purl = (name: string, version: string) => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** A CycloneDX 1.6 bill of materials (https://cyclonedx.org/docs/1.6/json/), without a date, so that equal builds stay equal. */
export function billOfMaterials(owner: Package, bundled: readonly Bundled[]): string {
  const component = (type: string, name: string, version: string, license: string) => {
    const id = purl(name, version);
    return { type, "bom-ref": id, name, version, licenses: [{ license: { id: license } }], purl: id };
  };
  const { name, version, license = "" } = owner.manifest;
  const components = bundled.map((item) => component("library", item.name, item.version, item.license));
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: component("library", name, version, license) },
    components,
    dependencies: [{ ref: purl(name, version), dependsOn: components.map((item) => item.purl) }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
