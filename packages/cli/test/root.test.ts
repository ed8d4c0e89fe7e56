import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import * as root from "keyhold";
import { createSecrets, defineConfig, environment, local } from "keyhold";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createWorkspace } from "./support/keyhold.ts";

describe("the root of keyhold", () => {
  it("exports what a newcomer needs, and nothing else", () => {
    expect(Object.keys(root).sort()).toEqual(
      [
        ...["createSecrets", "loadConfig", "watchConfig", "secret", "local", "environment", "files"],
        ...["fromFile", "fromEnvironment", "fromObject", "defineConfig"],
      ].sort(),
    );
  });

  it("defineConfig gives what createSecrets takes, and the compiler knows the providers of the file", async () => {
    const config = defineConfig({
      providers: { env: environment({ variables: { KEY: "value" } }), local: local() },
      deadlineMs: 500,
    });
    expectTypeOf<keyof typeof config.providers>().toEqualTypeOf<"env" | "local">();
    const secrets = createSecrets(config);
    expect((await secrets.get("env://KEY")).text()).toBe("value");
    // @ts-expect-error: no provider is named aws
    await expect(secrets.get("aws://KEY")).rejects.toMatchObject({ code: "invalid-argument" });
    // @ts-expect-error: no provider
    expect(defineConfig({ providers: { env: "environment" } })).toBeDefined();
    await secrets.close();
  });
});

describe("the command", () => {
  it("explains itself: every command has a help with examples, and the version is the package's", async () => {
    const { keyhold } = createWorkspace();
    const help = await keyhold(["--help"]);
    expect(help).toMatchObject({ status: 0, stderr: "" });
    expect(help.stdout).toContain("Exit status: 0 done; 1 failed, with a typed error; 2 a wrong command line.");
    const commands = [...help.stdout.matchAll(/^ {2}([a-z]+) .*(?:\[options\]|<)/gm)].map(([, name]) => name as string);
    expect(commands).toEqual([
      "init",
      "set",
      "get",
      "list",
      "versions",
      "remove",
      "rotate",
      "run",
      "doctor",
      "completion",
      "version",
    ]);
    const helps = await Promise.all(commands.map((name, index) => keyhold(index % 2 ? [name, "--help"] : ["help", name])));
    for (const [index, { status, stdout, stderr }] of helps.entries()) {
      const name = commands[index] as string;
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain(`Usage: keyhold ${name}`);
      if (name !== "version") expect(stdout).toMatch(new RegExp(`Examples:\n(.|\n)*keyhold ${name}`));
    }
    const [flag, version] = await Promise.all([keyhold(["--version"]), keyhold(["version", "--json"])]);
    expect(flag.stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
    expect(JSON.parse(version.stdout)).toMatchObject({ keyhold: flag.stdout.trim(), node: process.versions.node });
  });

  it("loads what a command needs when it runs, so that help and version load no provider", async () => {
    const { keyhold, folder } = createWorkspace();
    writeFileSync(
      `${folder}/watch.mjs`,
      `import { registerHooks } from "node:module";
       registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`,
    );
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(`${folder}/watch.mjs`)}` };
    const [help, list] = await Promise.all([keyhold(["--help"], { env }), keyhold(["list", "env://"], { env })]);
    expect(help.stderr).toContain("commander");
    expect(help.stderr).not.toMatch(/packages\/(core|local|config)|cross-spawn|commands\//);
    expect(list.stderr).toMatch(/packages\/local/);
    expect(list.stderr).not.toMatch(/packages\/config|cross-spawn|age-encryption|commands\/run/);
  });
});
