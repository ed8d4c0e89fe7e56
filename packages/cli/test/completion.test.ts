import { execFile, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { command, createWorkspace, type Workspace } from "./support/keyhold.ts";
import { noTerminal, openTerminal } from "./support/terminal.ts";

const missing = (shell: string): string | undefined =>
  spawnSync(shell, ["-c", ":"], { stdio: "ignore" }).status === 0 ? undefined : `${shell} is not installed`;

/** A workspace whose PATH has `keyhold` on it, and a secret whose name is a command substitution. */
async function withNames(): Promise<Workspace & { readonly path: string }> {
  const workspace = createWorkspace();
  const folder = path.join(workspace.folder, "home/bin");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "keyhold"), `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  chmodSync(path.join(folder, "keyhold"), 0o755);
  const names = ["openai", "openrouter", "db/app", "evil$(touch%20pwned)"];
  await workspace.seed(Object.fromEntries(names.map((name) => [name, "value-4f1c9a"])));
  return { ...workspace, path: `${folder}:${workspace.env.PATH}` };
}

/** A bash that types nothing itself: it calls the function as readline does, and prints what it would offer, one a line. */
const offersInBash = (line: string) => `
  eval "$(keyhold completion bash)"
  COMP_LINE=${JSON.stringify(line).replaceAll("$", "\\$")}; COMP_POINT=\${#COMP_LINE}
  _keyhold 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;

describe("keyhold __complete", () => {
  it("offers commands, options, choices, providers and names, never a value", async () => {
    const { keyhold } = await withNames();
    const offered = async (...words: string[]) => {
      const { status, stdout, stderr } = await keyhold(["__complete", ...words]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).not.toContain("value-4f1c9a");
      return stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split("\t")[0]);
    };
    const [commands, versions, options, ...others] = await Promise.all([
      offered(""),
      offered("ver"),
      offered("get", "--"),
      offered("get", "env://HOM"),
      offered("get", "nobody://x"),
      offered("get", "openai", ""),
      offered("completion", ""),
      offered("get", "--config", ""),
      offered("run", ""),
      offered("run", "--", "node", "-"),
      offered("help", "ru"),
      offered("nope", ""),
    ]);
    expect(commands).toEqual([
      "init",
      "set",
      "get",
      "list",
      "versions",
      "remove",
      "rotate",
      "run",
      "mcp",
      "doctor",
      "completion",
      "version",
      "help",
    ]);
    expect(versions).toEqual(["versions", "version"]);
    expect(options).toEqual(["--config", "--json", "--reveal", "--help"]);
    // Names are waited for no longer than somebody at a prompt would. On a machine that takes longer, the next press asks again.
    const names = ["local://", "env://", "db/app", "evil%24%28touch%20pwned%29", "openai", "openrouter"];
    await expect.poll(() => offered("get", "")).toEqual(names);
    await expect.poll(() => offered("get", "open")).toEqual(["openai", "openrouter"]);
    await expect.poll(() => offered("remove", "--yes", "local://d")).toEqual(["local://db/app"]);
    expect(others).toEqual([["env://HOME"], [], [], ["bash", "zsh", "fish"], [":files"], [":files"], [":files"], ["run"], []]);
  });

  it("offers the commands under a command, and their options", async () => {
    const { keyhold } = createWorkspace();
    const offered = async (...words: string[]) =>
      (await keyhold(["__complete", ...words])).stdout.replace(/\t.*/g, "").split("\n");
    const found = await Promise.all([
      offered("mcp", ""),
      offered("mcp", "run", "--s"),
      offered("mcp", "run", "--mcp-config", ""),
      offered("mcp", "nope", ""),
    ]);
    expect(found).toEqual([["run", "serve", ""], ["--server", ""], [":files", ""], [""]]);
  });

  it("gives nothing, and no error, where the config is broken", async () => {
    const { folder, keyhold } = createWorkspace();
    writeFileSync(path.join(folder, "keyhold.config.mts"), "throw new Error()");
    expect(await keyhold(["__complete", "get", ""])).toMatchObject({ status: 0, stdout: "", stderr: "" });
  });
});

describe.concurrent("completion scripts", () => {
  it("in bash: commands, names behind a provider, and files; a name that is a command is not run", async (context) => {
    const reason = missing("bash");
    if (reason) return context.skip(reason);
    const { folder, env, path: PATH } = await withNames();
    const offers = async (line: string) => {
      const bash = promisify(execFile)("bash", ["--norc", "-c", offersInBash(line)], { cwd: folder, env: { ...env, PATH } });
      return (await bash).stdout.split("\n").filter(Boolean);
    };
    expect(await offers("keyhold ver")).toEqual(["versions", "version"]);
    // Behind local: bash replaces only what follows the colon.
    await context.expect.poll(() => offers("keyhold get local://op")).toEqual(["//openai", "//openrouter"]);
    await context.expect.poll(() => offers("keyhold get evil")).toEqual(["evil%24%28touch%20pwned%29"]);
    expect(await offers("keyhold get $(touch pwned)")).toEqual([]);
    expect(await offers("keyhold run ")).toEqual([]);
    expect(existsSync(path.join(folder, "pwned"))).toBe(false);
  });

  it("the control, a script that offers names by compgen -W, runs a name that is a command", (context) => {
    const reason = missing("bash");
    if (reason) return context.skip(reason);
    const { folder, env } = createWorkspace();
    const naive = `COMPREPLY=( $(compgen -W 'openai $(touch pwned)' -- ope) )`;
    spawnSync("bash", ["--norc", "-c", naive], { cwd: folder, env });
    expect(existsSync(path.join(folder, "pwned"))).toBe(true);
  });

  it.for([
    ["bash", ["--norc", "--noprofile", "-i"], 'eval "$(keyhold completion bash)"'],
    ["zsh", ["-f", "-i"], 'autoload -Uz compinit; compinit -u; eval "$(keyhold completion zsh)"'],
    ["fish", ["--no-config", "-i"], "keyhold completion fish | source"],
  ] as const)("at a prompt of %s the tabulator key completes", async ([shell, options, load], context) => {
    const reason = noTerminal ?? missing(shell);
    if (reason) return context.skip(reason);
    const { folder, env, path: PATH } = await withNames();
    const prompt = openTerminal([shell, ...options], { cwd: folder, env: { ...env, PATH, HISTFILE: "", PS1: "> " } });
    prompt.type(`${load}; echo loa''ded\r`);
    await prompt.shows("loaded");
    // What the line became shows in what the command says to it.
    prompt.type("keyhold versions local://opena\t\r");
    await prompt.shows("enabled");
    prompt.type("keyhold compl\tfi\t\r");
    await prompt.shows("complete -c keyhold");
    prompt.type("exit\r");
    await prompt.ended();
    expect(existsSync(path.join(folder, "pwned"))).toBe(false);
  });
});
