import { appendFileSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { command, createWorkspace, type Workspace } from "./support/keyhold.ts";
import { noTerminal, openTerminal } from "./support/terminal.ts";

const canary = "hunter2-4f1c9a";
const atTerminal = (workspace: Workspace, words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  openTerminal([...command, ...words], { cwd: workspace.folder, env: { ...workspace.env, ...env } });

describe.concurrent("at a terminal", () => {
  beforeEach((context) => {
    if (noTerminal) context.skip(noTerminal);
  });

  it("set asks without echo, and get shows the value only with --reveal", async () => {
    const workspace = createWorkspace();
    await workspace.seed();
    const set = atTerminal(workspace, ["set", "openai"]);
    await set.shows("Value of local://openai: ");
    set.type(`${canary}\r`);
    await set.shows("stored as version 1");
    expect(await set.ended()).toBe(0);
    expect(set.screen()).not.toContain(canary);
    expect((await workspace.keyhold(["get", "openai"])).stdout).toBe(canary);

    const hidden = atTerminal(workspace, ["get", "openai"]);
    expect(await hidden.ended()).toBe(2);
    expect(hidden.screen()).toContain("--reveal");
    expect(hidden.screen()).not.toContain(canary);

    const json = atTerminal(workspace, ["get", "openai", "--json"]);
    expect(await json.ended()).toBe(2);
    expect(json.screen()).not.toContain(canary);

    const shown = atTerminal(workspace, ["get", "--reveal", "openai"]);
    expect(await shown.ended()).toBe(0);
    expect(shown.screen()).toBe(`${canary}\r\n`);
  });

  it("the control, a question of the shell's own, shows on this terminal what is typed", async () => {
    const workspace = createWorkspace();
    const control = openTerminal(["sh", "-c", "printf 'Value: '; read value; echo done"], {
      cwd: workspace.folder,
      env: workspace.env,
    });
    await control.shows("Value: ");
    control.type(`${canary}\r`);
    await control.shows("done");
    expect(control.screen()).toContain(canary);
  });

  it("set refuses a pasted text of several lines instead of storing the first", async () => {
    const workspace = createWorkspace();
    await workspace.seed();
    for (const pasted of [`${canary}\rsecond\r`, `${canary}\rsecond`]) {
      const set = atTerminal(workspace, ["set", "key"]);
      await set.shows("Value of local://key: ");
      set.type(pasted);
      await set.shows("several lines");
      expect(await set.ended()).toBe(1);
      expect(set.screen()).not.toContain(canary);
    }
    expect((await workspace.keyhold(["list", "--json"])).stdout).toBe("[]\n");
  });

  it("Ctrl-C at the question ends set as it ends any program, Ctrl-D is a typed error, and neither stores", async () => {
    const workspace = createWorkspace();
    await workspace.seed();
    const interrupted = atTerminal(workspace, ["set", "key"]);
    await interrupted.shows("Value of local://key: ");
    interrupted.type(`${canary}\x03`);
    expect(await interrupted.ended()).toBe(128 + 2);
    const ended = atTerminal(workspace, ["set", "key"]);
    await ended.shows("Value of local://key: ");
    ended.type("\x04");
    expect(await ended.ended()).toBe(1);
    expect(ended.screen()).toContain("aborted");
    expect(interrupted.screen() + ended.screen()).not.toContain(canary);
    expect((await workspace.keyhold(["list", "--json"])).stdout).toBe("[]\n");
  });

  it("get --reveal refuses a value that would command the terminal", async () => {
    const workspace = createWorkspace();
    await workspace.seed({ evil: `\x1b]0;${canary}\x07` });
    const shown = atTerminal(workspace, ["get", "--reveal", "evil"]);
    expect(await shown.ended()).toBe(1);
    expect(shown.screen()).not.toContain(canary);
  });

  it("remove asks, and keeps the secret unless the answer is yes", async () => {
    const workspace = createWorkspace();
    await workspace.seed({ key: canary });
    for (const [answer, told] of [
      ["\r", "kept"],
      ["y\r", "removed"],
    ] as const) {
      const remove = atTerminal(workspace, ["remove", "key"]);
      await remove.shows("Remove local://key? [y/N] ");
      remove.type(answer);
      await remove.shows(told);
      expect(await remove.ended()).toBe(0);
    }
    expect((await workspace.keyhold(["get", "key"])).status).toBe(1);
  });

  it("an identity behind a passphrase asks for it once a command, also when the value comes through a pipe", async () => {
    const workspace = createWorkspace();
    const init = atTerminal(workspace, ["init", "--passphrase"]);
    await init.shows("A passphrase for your new identity: ");
    init.type("correct horse\r");
    await init.shows("The same again: ");
    init.type("correct horse\r");
    expect(await init.ended()).toBe(0);
    expect(init.screen()).not.toContain("correct horse");
    expect(readFileSync(`${workspace.folder}/keyhold.config.mts`, "utf8")).toContain("local({ passphrase: askPassphrase })");

    const [node, ...rest] = command;
    const set = openTerminal(["sh", "-c", `printf %s ${canary} | "$0" "$@"`, String(node), ...rest, "set", "key"], {
      cwd: workspace.folder,
      env: workspace.env,
    });
    await set.shows("Passphrase of your Keyhold identity: ");
    set.type("correct horse\r");
    await set.shows("stored as version 1");
    expect(await set.ended()).toBe(0);

    const running = async () => {
      const run = atTerminal(workspace, ["run", "--", "sh", "-c", 'read line; echo "$line:$KEY"'], { KEY: "local://key" });
      await run.shows("Passphrase of your Keyhold identity: ");
      run.type("correct horse\r");
      await run.shows("\r\n");
      // What is typed after the question belongs to the program that runs.
      run.type("typed\r");
      await run.shows(`typed:${canary}`);
      expect(await run.ended()).toBe(0);
    };
    const mistyped = async () => {
      const get = atTerminal(workspace, ["get", "--reveal", "key"]);
      await get.shows("Passphrase of your Keyhold identity: ");
      get.type("wrong horse\r");
      expect(await get.ended()).toBe(1);
      expect(get.screen()).toContain("unauthenticated");
    };
    const withNobody = async () => {
      const get = await workspace.keyhold(["get", "key"], { env: { KEYHOLD_ASK: "never" } });
      expect(get.status).toBe(1);
      expect(get.stderr).toContain("unauthenticated");
    };
    await Promise.all([running(), mistyped(), withNobody()]);
  });

  it("two different new passphrases make nothing", async () => {
    const workspace = createWorkspace();
    const init = atTerminal(workspace, ["init", "--passphrase"]);
    await init.shows("new identity: ");
    init.type("one\r");
    await init.shows("again: ");
    init.type("two\r");
    expect(await init.ended()).toBe(1);
    expect((await workspace.keyhold(["list"])).stderr).toContain("keyhold init");
  });

  it("colours are on terminals only, and never with NO_COLOR", async () => {
    const workspace = createWorkspace();
    const colour = "\x1b[";
    const coloured = atTerminal(workspace, ["get", "key", "--reveal"]);
    expect(await coloured.ended()).toBe(1);
    expect(coloured.screen()).toContain(colour);
    const plain = atTerminal(workspace, ["get", "key", "--reveal"], { NO_COLOR: "1" });
    expect(await plain.ended()).toBe(1);
    expect(plain.screen()).not.toContain(colour);
    expect((await workspace.keyhold(["get", "key"])).stderr).not.toContain(colour);
  });

  it("what a backend says in a list cannot command the terminal", async () => {
    const workspace = createWorkspace();
    appendFileSync(
      `${workspace.folder}/keyhold.config.mts`,
      `const page = { items: [{ path: "name", version: "a\\u001b[2Jb" }] };
       export default { providers: { local: { kind: "odd", features: {}, read() {}, list: async () => page } } };`,
    );
    const list = atTerminal(workspace, ["list"], { NO_COLOR: "1" });
    expect(await list.ended()).toBe(0);
    expect(list.screen()).toContain("a\uFFFD[2Jb");
  });

  it("Ctrl-C reaches what runs once, and its status comes back; through a naive wrapper it arrives twice", async () => {
    const workspace = createWorkspace();
    const counting = [
      process.execPath,
      "-e",
      `let count = 0;
       process.on("SIGINT", () => { count += 1; setTimeout(() => { console.log("signals: " + count); process.exit(9); }, 500); });
       console.log("ready");
       setInterval(() => {}, 1000);`,
    ];
    // The control passes on every signal it gets.
    const naive = `const child = require("child_process").spawn(process.argv[1], process.argv.slice(2), { stdio: "inherit" });
      process.on("SIGINT", () => setTimeout(() => child.kill("SIGINT"), 50));
      child.on("exit", (code) => process.exit(code));`;
    const signals = async (words: readonly string[]) => {
      const terminal = openTerminal(words, { cwd: workspace.folder, env: workspace.env });
      await terminal.shows("ready");
      terminal.type("\x03");
      await terminal.shows("signals: ");
      expect(await terminal.ended()).toBe(9);
      return Number(/signals: (\d)/.exec(terminal.screen())?.[1]);
    };
    const [own, control] = await Promise.all([
      signals([...command, "run", "--", ...counting]),
      signals([process.execPath, "-e", naive, ...counting]),
    ]);
    console.log(`signals for one Ctrl-C: ${own}; control: ${control}`);
    expect({ own, control }).toEqual({ own: 1, control: 2 });
  });
});
