import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
// Inside node_modules, so that the blocks find this workspace's packages; each run in a folder of its own.
const folder = path.join(root, "node_modules", ".cache", "keyhold", `documents-${process.pid}`);

function documents(): string[] {
  const found = ["README.md", "CONTRIBUTING.md", "SECURITY.md"];
  for (const name of readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" }))
    if (name.endsWith(".md")) found.push(`docs/${name}`);
  for (const name of readdirSync(path.join(root, "packages"))) found.push(`packages/${name}/README.md`);
  return found.filter((document) => existsSync(path.join(root, document)));
}

/** The TypeScript blocks of a document. */
const blocksOf = (document: string) =>
  [...readFileSync(path.join(root, document), "utf8").matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1] as string);

const configuration = {
  extends: path.join(root, "tsconfig.base.json"),
  compilerOptions: {
    noEmit: true,
    isolatedDeclarations: false,
    declaration: false,
    noUnusedLocals: false,
    types: ["node"],
    typeRoots: [path.join(root, "node_modules/@types")],
  },
  include: ["*.ts"],
};

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(configuration));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("every TypeScript block of every document compiles", async () => {
  let count = 0;
  for (const document of documents()) {
    for (const block of blocksOf(document)) {
      count += 1;
      await writeFile(path.join(folder, `${document.replaceAll(/[^a-z0-9]+/gi, "-")}-${count}.ts`), `${block}\nexport {};\n`);
    }
  }
  const tsc = path.join(root, "node_modules/.bin/tsc");
  const result = await promisify(execFile)(tsc, ["-p", folder]).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
  expect(result).toBe("");
  expect(count).toBeGreaterThan(3);
});

it("every relative link of every document leads somewhere", () => {
  const broken: string[] = [];
  for (const document of documents()) {
    const text = readFileSync(path.join(root, document), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
      if (!existsSync(path.resolve(root, path.dirname(document), target as string))) broken.push(`${document}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
