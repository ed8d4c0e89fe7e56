import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isLiteralVariable } from "../src/is-literal-variable.ts";
import { readMcpConfig } from "../src/read-mcp-config.ts";

const folder = mkdtempSync(path.join(tmpdir(), "keyhold-mcp-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const canary = "sk-4f1c9a8e7d6c5b4a39281706f5e4d3c2";
const file = path.join(folder, "mcp.json");

function read(content: unknown, server?: string) {
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return readMcpConfig(file, server, ["local", "aws"]);
}

describe("an mcp.json", () => {
  it("gives the one server, or the one that is named, and leaves what is the client's alone", async () => {
    const env = {
      TOKEN: "local://github",
      URL: `postgres://a:\${aws://db#password}@h/`,
      LEVEL: "info",
      API_KEY: `x-\${local://a}`,
    };
    const one = { command: "npx", args: ["-y", "server"], env, type: "stdio", disabled: true };
    const expected = { words: ["npx", "-y", "server"], environment: env };
    expect(await read({ mcpServers: { one } })).toEqual(expected);
    expect(await read({ mcpServers: { one, two: { command: "x" } } }, "one")).toEqual(expected);
    expect(await read({ mcpServers: { one, two: { command: "x" } } }, "two")).toEqual({ words: ["x"], environment: {} });
  });

  const entry = (more: object) => ({ mcpServers: { one: { command: "x", ...more } } });
  it.each<[what: string, content: unknown, code: string, message: RegExp, server?: string]>([
    ["that is no JSON", `{"mcpServers": {"${canary}": ${canary}`, "invalid-argument", /^mcp\.json: not well-formed JSON/],
    ["without servers", { servers: { a: canary } }, "invalid-argument", /no mcpServers/],
    ["that is a list", [canary], "invalid-argument", /no mcpServers/],
    ["without the server", entry({}), "not-found", /no such server/, "two"],
    ["whose server is named like a method of objects", entry({}), "not-found", /no such server/, "toString"],
    [
      "with a remote server",
      { mcpServers: { one: { url: `https://a.example/?key=${canary}` } } },
      "invalid-argument",
      /one has no command/,
    ],
    ["with arguments that are no list", entry({ args: canary }), "invalid-argument", /args of one is no list/],
    ["with a variable that is no text", entry({ env: { A: 1 } }), "invalid-argument", /env of one is no object/],
    ["with a credential by its shape", entry({ env: { ANY: canary } }), "invalid-argument", /env\.ANY of one holds/],
    ["with a credential by its name", entry({ env: { API_KEY: "opensesame" } }), "invalid-argument", /env\.API_KEY of one/],
    ["with a provider misspelt", entry({ env: { API_KEY: "awss://db#password" } }), "invalid-argument", /env\.API_KEY of one/],
    [
      "with a password beside a reference",
      entry({ env: { U: `postgres://\${local://u}:${canary}@h/` } }),
      "invalid-argument",
      /env\.U of one/,
    ],
    ["with a credential behind its name", entry({ args: ["--password", "opensesame"] }), "invalid-argument", /args of one hold/],
    ["with a credential among the arguments", entry({ args: [`--key=${canary}`] }), "invalid-argument", /args of one hold/],
  ])("%s is refused, and nothing of it is repeated", async (_what, content, code, message, server) => {
    const error = await read(content, server).catch((error) => error);
    expect(error).toMatchObject({ code, hint: expect.any(String) });
    expect(error.message).toMatch(message);
    expect(`${error.message} ${error.hint}`).not.toMatch(/4f1c9a8e|opensesame/);
  });

  it("with several servers wants to be told which", async () => {
    const two = { mcpServers: { one: { command: "x" }, two: { command: "y" } } };
    const which = { code: "keyhold.usage", hint: "Say which: --server one, --server two" };
    await expect(read(two)).rejects.toMatchObject(which);
  });

  it("that is not there is not found", async () => {
    await expect(readMcpConfig(path.join(folder, "nope.json"), undefined, [])).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("a variable that holds a credential itself", () => {
  it.each([
    ["GITHUB_PERSONAL_ACCESS_TOKEN", "opensesame"],
    ["OPENAI_API_KEY", "opensesame"],
    ["PGPASSWORD", "hunter2"],
    ["DB_PASS", "hunter2"],
    ["apiKey", "opensesame"],
    ["API_KEY", `\${SOME_VARIABLE_OF_THE_CLIENT`],
    ["HEADERS", `{"Authorization":"Bearer ntn_123456789012"}`],
    ["URL", "mongodb+srv://app:hunter2@db.example/"],
    ["URL", "redis://:hunter2@db.example/"],
    ["A", `ghp_${"a1".repeat(18)}`],
    ["A", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"],
    ["A", `eyJ${"a".repeat(20)}.eyJ${"b".repeat(20)}.${"c".repeat(20)}`],
    ["A", `AIza${"a".repeat(35)}`],
  ])("is seen in %s=%s", (name, text) => {
    expect(isLiteralVariable(name, text)).toBe(true);
  });

  it.each([
    ["LOG_LEVEL", "debug"],
    ["API_KEY", ""],
    ["GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp.json"],
    ["SSH_PRIVATE_KEY", "~/.ssh/id_ed25519"],
    ["USE_TOKEN", "true"],
    ["MAX_TOKENS", "4096"],
    ["SSH_PUBLIC_KEY", "ssh-ed25519 AAAA"],
    ["URL", "https://user@example.com/a:b@c"],
    ["TURKEY", "bird"],
    ["MODE", "bearer authentication is what it takes"],
  ])("is not seen in %s=%s", (name, text) => {
    expect(isLiteralVariable(name, text)).toBe(false);
  });
});
