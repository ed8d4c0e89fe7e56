import { secret } from "@keyhold/core";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../../../test/agents/world.ts";
import type { EgressEvent, EgressRule } from "../src/index.ts";
import { addSecretTools, type SecretTools, type SecretToolsOptions } from "../src/mcp.ts";
import { createOpener, type Opener, value } from "./opened.ts";

let world: World;
let opener: Opener;
const clients: Client[] = [];
const added: SecretTools[] = [];

beforeAll(async () => {
  world = await startWorld();
  opener = createOpener(world);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(added.splice(0).map((tools) => tools.close()));
  await opener.closeAll();
  world.reset();
});
afterAll(() => world.close());

const written = `\${test://key}`;

/** A server and a client of the protocol's own making. */
async function open(allow: readonly EgressRule[], options: Partial<SecretToolsOptions> = {}) {
  const { secrets } = await opener.open(allow);
  const events: EgressEvent[] = [];
  const { ca, lookup } = world;
  const server = new McpServer({ name: "apis", version: "1" });
  added.push(await addSecretTools(server, { secrets, allow, ca, lookup, onEvent: (event) => events.push(event), ...options }));
  const client = new Client({ name: "test", version: "1" });
  const [here, there] = InMemoryTransport.createLinkedPair();
  await server.connect(there);
  await client.connect(here);
  clients.push(client);
  const call = async (
    words: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<CallToolResult & { text: string }> => {
    const result = (await client.callTool({ name: "call_http", arguments: words }, undefined, { signal })) as CallToolResult;
    return { ...result, text: result.content.map((part) => (part.type === "text" ? part.text : "")).join("") };
  };
  return { client, secrets, events, call };
}

describe("call_http", { timeout: 60_000 }, () => {
  it("puts a value wherever a rule says, also as Basic and into a signature", async () => {
    const { rule, url } = opener;
    const { call, secrets, events } = await open([
      rule({ header: "x-api-key" }),
      rule({ header: "authorization", as: "basic" }),
      rule({ query: "key" }),
      rule({ reference: "test://aws", aws: { service: "s3", region: "eu-west-1" } }),
    ]);
    await secrets.put("test://aws", JSON.stringify({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a-secret-access-key" }));
    await call({ url: url(), headers: { "X-Api-Key": written } });
    await call({ url: url(), headers: { authorization: `Basic me:${written}` } });
    await call({ url: url(`/?key=${written}&b=c`) });
    await call({ url: url("/bucket/object"), headers: { authorization: `\${test://aws}` } });
    const [raw, basic, query, signed] = world.api.requests;
    expect(raw?.headers["x-api-key"]).toBe(value);
    expect(basic?.headers.authorization).toBe(`Basic ${Buffer.from(`me:${value}`).toString("base64")}`);
    expect(query?.path).toBe(`/?key=${encodeURIComponent(value)}&b=c`);
    expect(signed?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
    expect(events.map(({ tool, outcome, host }) => [tool, outcome, host])).toEqual(
      Array.from({ length: 4 }, () => ["call_http", "answered", new URL(url()).host]),
    );
  });

  it("takes a value, a cookie and what is no text out of answers", async () => {
    const { call } = await open([opener.rule()]);
    world.api.answer = ({ headers }, response) => {
      response.writeHead(201, { "set-cookie": "session=1", "x-echo": headers.authorization }).end(`<${headers.authorization}>`);
    };
    const answered = await call({ url: opener.url(), headers: { authorization: `Bearer ${written}` } });
    expect(JSON.parse(answered.text)).toMatchObject({
      status: 201,
      headers: { "x-echo": "Bearer [secret]" },
      body: "<Bearer [secret]>",
    });
    expect(answered.text).not.toContain("session");
    world.api.answer = (_request, response) => response.end(Buffer.from([0xff, 0xfe, 0x00]));
    expect(JSON.parse((await call({ url: opener.url() })).text).body).toBe("(3 bytes that are no text)");
  });

  it("ends an answer that is too large, and one that never ends when the client gives up", async () => {
    const { call } = await open([opener.rule()], { maxResponseBytes: 1000 });
    world.api.answer = (_request, response) => response.end("x".repeat(1001));
    const large = await call({ url: opener.url() });
    expect(large.isError).toBe(true);
    expect(JSON.parse(large.text).error).toMatchObject({ code: "decode", message: "the answer is larger than 1000 bytes" });

    const ending = new AbortController();
    const left = new Promise<void>((resolve) => {
      world.api.answer = (_request, response) => {
        response.once("close", resolve).write("x");
        ending.abort();
      };
    });
    await expect(call({ url: opener.url() }, ending.signal)).rejects.toThrow();
    await left;
  });

  it("tells a failure that is none of Keyhold's without its message, which may hold anything", async () => {
    const { call } = await open([opener.rule()], {
      lookup: () => {
        throw Object.assign(new Error(value), { text: secret(value) });
      },
    });
    const failed = await call({ url: opener.url(), headers: { authorization: `Bearer ${written}` } });
    expect(failed.isError).toBe(true);
    expect(failed.text).not.toContain(value);
    expect(JSON.parse(failed.text).error).toMatchObject({ code: expect.stringMatching(/^(?:unavailable|unknown)$/) });
  });

  it("refuses a long text of references that nothing closes, instead of looking through it without end", async () => {
    const { call } = await open([opener.rule()]);
    const refused = await call({ url: `https://elsewhere.example/#${`\${a://`.repeat(200_000)}` });
    expect(JSON.parse(refused.text).error).toMatchObject({ code: "permission-denied" });
  });

  it("ends with its server", async () => {
    const { client, call } = await open([opener.rule()]);
    const left = new Promise<void>((resolve) => {
      world.api.answer = (_request, response) => {
        response.once("close", resolve).write("x");
        client.close();
      };
    });
    await expect(call({ url: opener.url() })).rejects.toThrow();
    await left;
  });
});

it("tools are not added for rules that do not hold up", async () => {
  await expect(open([opener.rule({ host: "" })])).rejects.toMatchObject({ code: "invalid-argument" });
});
