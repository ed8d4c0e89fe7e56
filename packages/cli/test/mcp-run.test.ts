import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../../../test/agents/world.ts";
import { command, createWorkspace, type Workspace } from "./support/keyhold.ts";
import { openMcp, textOf } from "./support/mcp-client.ts";

const value = "p@ss/w#1%41?-4f1c9a";
const token = "sk-4f1c9a8e7d6c5b4a39281706f5e4d3c2";
const node = process.execPath;
const naiveServer = fileURLToPath(new URL("./fixtures/naive-mcp-server.ts", import.meta.url));

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

interface Entry {
  readonly command?: unknown;
  readonly args?: unknown;
  readonly env?: unknown;
}

/** A workspace with two secrets and an `mcp.json`. */
async function workspace(servers: Readonly<Record<string, Entry>> = {}): Promise<Workspace> {
  const made = createWorkspace();
  await made.seed({ db: JSON.stringify({ password: value }), api: token });
  writeFileSync(path.join(made.folder, "mcp.json"), JSON.stringify({ mcpServers: servers }));
  return made;
}

const printEnvironment = [node, "-p", "JSON.stringify(process.env)"];

describe.concurrent("keyhold mcp run", { timeout: 120_000 }, () => {
  it("gives a server values for references, and of the rest only what it needs and what is named", async () => {
    const { keyhold, env } = await workspace();
    const { status, stdout, stderr } = await keyhold(["mcp", "run", "--pass", "HOST", "--", ...printEnvironment], {
      env: {
        TOKEN: "local://api",
        DATABASE: `postgres://app:\${local://db#password}@db/app`,
        HOST: "github.example",
        AWS_SECRET_ACCESS_KEY: "what Keyhold signs in with",
        VAULT_TOKEN: "what Keyhold signs in with",
      },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const given = JSON.parse(stdout);
    expect(given).toMatchObject({ PATH: env.PATH, HOME: env.HOME, LANG: env.LANG, TOKEN: token, HOST: "github.example" });
    expect(decodeURIComponent(new URL(given.DATABASE).password)).toBe(value);
    expect(Object.keys(given)).not.toEqual(expect.arrayContaining(["XDG_CONFIG_HOME"]));
    expect(stdout).not.toContain("what Keyhold signs in with");
  });

  it("runs a real server from mcp.json: the protocol is all there is on standard output, and its log passes", async () => {
    const { folder, env } = await workspace({
      naive: { command: node, args: [naiveServer], env: { API_TOKEN: "local://api", NODE_EXTRA_CA_CERTS: "ca.pem", LEVEL: "1" } },
      other: { command: "nothing-of-this-name" },
    });
    writeFileSync(path.join(folder, "ca.pem"), world.ca);
    const words = [...command, "mcp", "run", "--mcp-config", "mcp.json", "--server", "naive"];
    const server = await openMcp(words, { cwd: folder, env: { ...env, UNNAMED: "local://db" } });
    const listed = textOf(await server.call("list_references"));
    expect(listed).toContain('["LEVEL","1"]');
    expect(listed).not.toMatch(/UNNAMED|XDG_CONFIG_HOME/);
    const url = `https://localhost:${world.api.port}/`;
    await server.call("call_http", { url, headers: { authorization: `Bearer \${key}` } });
    expect(world.api.requests.at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
    expect(await server.end()).toBe(0);
    expect(server.stderr()).toMatch(/^naive: ready\n$/m);
    const lines = server.stdout().toString().split("\n").filter(Boolean);
    expect(lines.length).toBe(3);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
  });

  it("gives back the server's status, and passes signals on", async () => {
    const { keyhold } = await workspace({ one: { command: node, args: ["-e", "process.exit(7)"] } });
    expect((await keyhold(["mcp", "run", "--mcp-config", "mcp.json"])).status).toBe(7);
    const script = "console.error('ready'); setInterval(() => {}, 1000)";
    const ended = await keyhold(["mcp", "run", "--", node, "-e", script], {
      onStart: (child) => child.stderr?.once("data", () => child.kill("SIGTERM")),
    });
    expect(ended).toMatchObject({ status: 143, stdout: "", stderr: "ready\n" });
  });

  it.for<[what: string, words: readonly string[], status: number, says: RegExp]>([
    [
      "a literal credential in mcp.json",
      ["--mcp-config", "mcp.json", "--server", "literal"],
      1,
      /env\.GITHUB_TOKEN of literal .*\nhint: Store it/,
    ],
    [
      "a reference among arguments",
      ["--", "node", "--key", "local://api"],
      1,
      /invalid-argument: a reference among the server's arguments/,
    ],
  ])("refuses %s, and runs nothing", async ([_what, words, status, says]) => {
    const { keyhold } = await workspace({
      literal: { command: node, args: ["-p", "1"], env: { GITHUB_TOKEN: token } },
    });
    const outcome = await keyhold(["mcp", "run", ...words]);
    expect(outcome).toMatchObject({ status, stdout: "" });
    expect(outcome.stderr).toMatch(says);
    expect(outcome.stderr).not.toContain(token);
  });
});
