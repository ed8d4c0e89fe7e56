import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { createWorkspace, type Workspace, workspaceAt } from "./support/keyhold.ts";

const canary = "hunter2-4f1c9a";
const moduleText = `import { defineConfig, environment } from "keyhold";
export default defineConfig({ providers: { box: environment({ variables: { KEY: "${canary}" } }) } });`;

function write({ folder }: Workspace, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
}

describe.concurrent("the config file", () => {
  it.each([
    ["keyhold.config.mts", moduleText, undefined],
    ["keyhold.config.mts in a CommonJS package", moduleText, "commonjs"],
    ["keyhold.config.ts", moduleText, "module"],
    ["keyhold.config.js", moduleText, "module"],
    ["keyhold.config.json", '{ "providers": { "box": { "kind": "files", "options": { "directory": "box" } } } }', undefined],
  ])("is found in the current folder, without keyhold installed beside it: %s", async (name, text, type) => {
    const workspace = createWorkspace();
    write(workspace, {
      [name.split(" ")[0] as string]: text,
      "box/KEY": canary,
      ...(type ? { "package.json": JSON.stringify({ type }) } : {}),
    });
    expect(await workspace.keyhold(["get", "box://KEY"])).toMatchObject({ status: 0, stdout: canary, stderr: "" });
  });

  it("without one there are the local store and the environment, and a parent's is not looked for", async () => {
    const parent = createWorkspace();
    write(parent, { "keyhold.config.mts": moduleText, "inner/empty": "" });
    const inner = workspaceAt(path.join(parent.folder, "inner"));
    expect(await inner.keyhold(["get", "env://KEY"], { env: { KEY: canary } })).toMatchObject({ status: 0, stdout: canary });
    const refused = await inner.keyhold(["get", "box://KEY"]);
    expect(refused).toMatchObject({ status: 1, stdout: "" });
    expect(refused.stderr).toContain("local, env");
    expect((await inner.keyhold(["get", "box://KEY", "--config", "../keyhold.config.mts"])).stdout).toBe(canary);
  });

  it("two of them are refused, and so is one that is named and not there, or no config", async () => {
    const workspace = createWorkspace();
    write(workspace, { "keyhold.config.mts": moduleText, "keyhold.config.json": "{}", "config.yaml": "" });
    const [two, missing, other] = await Promise.all([
      workspace.keyhold(["get", "box://KEY"]),
      workspace.keyhold(["get", "box://KEY", "--config", "nope.mts"]),
      workspace.keyhold(["get", "box://KEY", "--config", "config.yaml"]),
    ]);
    expect(two.stderr).toContain(
      "keyhold: invalid-argument: there is more than one config file: keyhold.config.mts, keyhold.config.json",
    );
    expect(missing.stderr).toContain("keyhold: not-found: there is no config file");
    expect(other.stderr).toContain("keyhold: invalid-argument: a config file ends in .mts, .ts, .js, .json");
    for (const { status, stdout } of [two, missing, other]) expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  });

  it("that never finishes loading is a failure, not a success without output", async () => {
    const workspace = createWorkspace();
    write(workspace, { "keyhold.config.mts": "await new Promise(() => {}); export default {};" });
    const { status, stdout, stderr } = await workspace.keyhold(["list"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("something never answered");
  });

  it.each([
    ["a syntax error", "mts", `export const key = "${canary}" "${canary}";`, "SyntaxError"],
    ["an error that it throws", "mts", `const line = 1;\nthrow new Error("${canary}");`, "at line 2"],
    ["a package that is not installed", "mts", `import "@keyhold/aws"; const key = "${canary}";`, "npm install @keyhold/aws"],
    ["a module with an unknown key", "mts", `export default { providers: {}, "${canary}": 1 };`, "Known here: providers, agents"],
    ["a missing file", "mts", `import "./nope.ts"; const key = "${canary}";`, "nope.ts, which is not there"],
    ["no default export", "mts", `export const key = "${canary}";`, "does not export a config"],
    ["a list", "mts", `export default { providers: ["${canary}"] };`, "does not export a config"],
    ["what is no provider", "mts", `export default { providers: { box: "${canary}" } };`, "providers.box is no provider"],
    [
      "an error of a provider's options",
      "mts",
      `import { local } from "keyhold"; local({ identity: "${canary}", identityPath: "x" });`,
      "Give one of them",
    ],
    [
      "a TypeScript module in a CommonJS package",
      "ts",
      `import { defineConfig } from "keyhold"; export default defineConfig("${canary}");`,
      "keyhold.config.mts",
    ],
    ["JSON that is not well-formed", "json", `{\n  "providers": "${canary}",,\n}`, "not well-formed JSON, line 2"],
    ["JSON with an unknown key", "json", `{ "providers": {}, "${canary}": 1 }`, "unknown key"],
    [
      "JSON of an unknown kind",
      "json",
      `{ "providers": { "box": { "kind": "${canary}" } } }`,
      "Kinds: local, environment, files",
    ],
    [
      "JSON with an unknown option",
      "json",
      `{ "providers": { "box": { "kind": "local", "options": { "identity": "${canary}" } } } }`,
      "Known here: path, identityPath",
    ],
    [
      "JSON without an option that must be there",
      "json",
      '{ "providers": { "box": { "kind": "files" } } }',
      "providers.box.options.directory",
    ],
    [
      "JSON with a name that no reference can hold",
      "json",
      `{ "providers": { "a b": { "kind": "local" } } }`,
      "A name is a letter",
    ],
    ["JSON with a deadline that is none", "json", `{ "providers": {}, "deadlineMs": "${canary}" }`, "deadlineMs"],
  ])("that is wrong is a typed error which does not repeat it: %s", async (_what, extension, text, expected) => {
    const workspace = createWorkspace();
    write(workspace, { [`keyhold.config.${extension}`]: text, "package.json": '{ "type": "commonjs" }' });
    const { status, stdout, stderr } = await workspace.keyhold(["get", "box://KEY"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^keyhold: invalid-argument: .+\nhint: .+\n$/m);
    expect(stderr).toContain(expected);
    expect(stderr).not.toContain(canary);
  });
});
