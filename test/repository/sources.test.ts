import { describe, expect, it } from "vitest";
import { packages } from "../../scripts/packages.ts";
import { read, repositoryFiles, sources, staticImports } from "./files.ts";

/** What costs milliseconds to load, or opens connections. It comes by `process.getBuiltinModule` or `import()` when it is needed. */
const late =
  /^(?:node:)?(?:http|https|http2|net|tls|dns|dgram|crypto|sqlite|cluster|inspector)(?:\/|$)|^(?:undici|age-encryption)(?:\/|$)/;

/** Written in two pieces, so that this file does not name them itself. */
const unwanted = [
  ["a path of one machine", new RegExp(["(?<![\\w.}/-])/(?:work|ro", "ot)/\\w"].join(""))],
  ["a registry's address", new RegExp(["registry\\.npm", "js|pkgs?-prox", "y"].join(""))],
  [
    "a test that never runs",
    new RegExp(["\\b(?:it|test|describe)\\.(?:on", "ly|to", "do)\\b|\\b(?:it|describe)\\.sk", "ip\\("].join("")),
  ],
  ["work left undone", new RegExp(["\\b(?:TO", "DO|FIX", "ME|XX", "X)\\b"].join(""))],
] as const;

const readable = (name: string) => /\.(?:ts|mts|mjs|js|json|md|ya?ml|sh)$|^[^.]*$/.test(name) && name !== "pnpm-lock.yaml";

describe("the sources", () => {
  it("are files of fewer than 300 lines", () => {
    const files = [...sources(), ...repositoryFiles().filter((name) => /^scripts\/.+\.(?:ts|mjs)$/.test(name))];
    expect(files.length).toBeGreaterThan(20);
    const long = files.map((name) => ({ name, lines: read(name).split("\n").length })).filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  it("have names in kebab-case", () => {
    const odd = repositoryFiles().filter(
      (name) => name.endsWith(".ts") && !/^(?:[a-z0-9]+(?:[-.][a-z0-9]+)*\/?)+$/.test(name.replace(/^\.\w+\//, "")),
    );
    expect(odd).toEqual([]);
  });

  it("load no network, no cryptography and no vendor's SDK when they are imported", () => {
    const peers = new Map(
      packages().map(({ folder, manifest }) => {
        // An entry named after its peer, such as @keyhold/testing/vitest, is for those who have it.
        const own = Object.keys(manifest.exports ?? {}).map((entry) => entry.slice(2));
        return [folder, Object.keys(manifest.peerDependencies ?? {}).filter((peer) => !own.includes(peer))];
      }),
    );
    const found = sources().flatMap((name) => {
      const vendors = peers.get(name.split("/")[1] ?? "") ?? [];
      const eager = staticImports(read(name)).filter(
        (wanted) => late.test(wanted) || vendors.some((vendor) => wanted === vendor || wanted.startsWith(`${vendor}/`)),
      );
      return eager.map((wanted) => `${name}: ${wanted}`);
    });
    expect(found).toEqual([]);
  });

  it("wait for nothing while they are imported, so that require() works", () => {
    const waiting = sources().filter((name) => /^(?:(?:const|let|export const) .*= )?await\s|^for await/m.test(read(name)));
    expect(waiting).toEqual([]);
  });
});

describe("the whole repository", () => {
  it.each(unwanted)("holds no line with %s", (_what, pattern) => {
    const found = repositoryFiles()
      .filter(readable)
      .flatMap((name) =>
        read(name)
          .split("\n")
          .flatMap((line, index) => (pattern.test(line) ? [`${name}:${index + 1}`] : [])),
      );
    expect(found).toEqual([]);
  });

  it("sees an import by its statement, whatever its shape", () => {
    const code = `import a from "a";\nimport type { B } from "b";\nimport {\n  type C,\n} from "c";\nexport { d } from "d";\nexport type { E } from "e";\nimport "f";\nconst g = () => import("g");\n`;
    expect(staticImports(code)).toEqual(["a", "c", "d", "f"]);
  });
});
