import { inspect } from "node:util";
import { createSecrets } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { names, startWorld, type World } from "../../../test/agents/world.ts";
import { type ResolvedTool, type ResolvedTools, resolveToolConfig, type ToolConfigOptions } from "../src/index.ts";
import { value } from "./opened.ts";

let world: World;
let base: string;
const opened: ResolvedTools[] = [];
const secrets = createSecrets({ providers: { test: memory() } });

beforeAll(async () => {
  world = await startWorld();
  base = `https://${names.api}:${world.api.port}`;
  await secrets.put("test://key", value);
  await secrets.put("test://other", "another-value");
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((tools) => tools.close()));
  world.reset();
});
afterAll(async () => {
  await secrets.close();
  await world.close();
});

function resolve(config: unknown, options: Partial<ToolConfigOptions> = {}): readonly ResolvedTool[] {
  const { ca, lookup } = world;
  const allow: ToolConfigOptions["allow"] = (rule) => ({ ...rule, addresses: ["127.0.0.1"] });
  const resolved = resolveToolConfig(config, { secrets, ca, lookup, allow, ...options });
  opened.push(resolved);
  return resolved.tools;
}

const only = (config: unknown, options?: Partial<ToolConfigOptions>) => resolve(config, options)[0] as ResolvedTool;
/** A part of a tool's config, as a program that knows its own tools reads it. */
const at = (tool: ResolvedTool, ...keys: readonly (string | number)[]) =>
  keys.reduce<unknown>((found, key) => (found as Record<string | number, unknown>)[key], tool.config) as never;
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

describe("a secret is bound to the address of its tool, and to where its reference stands:", () => {
  /** With what arrives, where it is not the value after `Bearer`. */
  type Shape = readonly [config: (url: string) => unknown, send: (tool: ResolvedTool) => Promise<Response>, arrives?: string];
  const withHeaders = (...keys: readonly string[]) => {
    return (tool: ResolvedTool) => tool.fetch(`${base}/v1/a`, { headers: at(tool, ...keys, "headers") });
  };
  const shapes: Readonly<Record<string, Shape>> = {
    "a list of tools, with a template in a header": [
      (url) => [{ name: "search", url, headers: { Authorization: `Bearer \${test://key}`, accept: "application/json" } }],
      withHeaders(),
    ],
    "a record of tools, with a reference after Bearer": [
      (baseUrl) => ({ search: { baseUrl, headers: { authorization: "Bearer test://key" } } }),
      withHeaders(),
    ],
    "the servers of an MCP client": [
      (url) => ({ mcpServers: { search: { type: "http", url, headers: { Authorization: `Bearer \${test://key}` } } } }),
      withHeaders(),
    ],
    "an MCP client's server of the older transport, whose messages go elsewhere": [
      () => ({ servers: { search: { type: "sse", url: `${base}/sse`, headers: { Authorization: `Bearer \${test://key}` } } } }),
      withHeaders(),
    ],
    "a variable that a header uses": [
      (url) => ({ search: { url, env: { KEY: "test://key" }, headers: { Authorization: `Bearer \${KEY}` } } }),
      withHeaders(),
    ],
    "the nodes of a workflow": [
      (url) => ({
        nodes: [
          {
            name: "search",
            type: "httpRequest",
            parameters: {
              url,
              sendHeaders: true,
              headerParameters: { parameters: [{ name: "X-Api-Key", value: "test://key" }] },
            },
          },
        ],
      }),
      (tool) => {
        const { name, value: held } = at(tool, "parameters", "headerParameters", "parameters", 0) as {
          name: string;
          value: string;
        };
        return tool.fetch(`${base}/v1`, { headers: { [name]: held } });
      },
      value,
    ],
    "a query": [
      (url) => ({ tools: [{ name: "search", url, query: { key: `\${test://key}`, q: "{q}" } }] }),
      (tool) => tool.fetch(`${base}/v1?key=${at(tool, "query", "key")}`),
      value,
    ],
    "a list of query parameters": [
      (url) => ({ tools: [{ name: "search", url, queryParameters: [{ name: "key", value: "test://key" }] }] }),
      (tool) => tool.fetch(`${base}/v1?key=${at(tool, "queryParameters", 0, "value")}`),
      value,
    ],
    "the query of an address": [
      (url) => ({ search: { url: `${url}?a=b&key=\${test://key}&c=d` } }),
      (tool) => tool.fetch(at(tool, "url")),
      value,
    ],
    "the address of an API description, and auth by a token": [
      (url) => [
        { function: { name: "search" }, servers: [{ url }], auth: { type: "http", scheme: "bearer", token: "test://key" } },
      ],
      (tool) => tool.fetch(`${base}/v1`, { headers: { authorization: `Bearer ${at(tool, "auth", "token")}` } }),
    ],
    "auth by a key in a header": [
      (url) => [{ name: "search", url, auth: { type: "apiKey", in: "header", name: "X-Api-Key", value: "test://key" } }],
      (tool) => tool.fetch(`${base}/v1`, { headers: { "x-api-key": at(tool, "auth", "value") } }),
      value,
    ],
    "auth by a key in the query": [
      (url) => [{ name: "search", url, auth: { type: "apiKey", in: "query", name: "key", value: "test://key" } }],
      (tool) => tool.fetch(`${base}/v1?key=${at(tool, "auth", "value")}`),
      value,
    ],
    "auth by user and password": [
      (url) => [{ name: "search", url, auth: { type: "basic", username: "me", password: "test://key" } }],
      (tool) => tool.fetch(`${base}/v1`, { headers: { authorization: basic("me", at(tool, "auth", "password")) } }),
      basic("me", value),
    ],
    "what an SDK is made with": [
      (baseURL) => ({ model: { baseURL, apiKey: "test://key" } }),
      async (tool) => {
        const headers = { authorization: `Bearer ${at(tool, "apiKey")}` };
        await tool.fetch(`${base}/v1`, { headers });
        return tool.fetch(`${base}/v1`, { headers: { "x-api-key": at(tool, "apiKey") } });
      },
    ],
  };

  it.each(Object.entries(shapes))("%s", async (_name, [config, send, arrives = `Bearer ${value}`]) => {
    const given = config(`${base}/v1`);
    const before = JSON.stringify(given);
    const tool = only(given);
    expect(JSON.stringify(given)).toBe(before);
    expect((await send(tool)).status).toBe(200);
    const { headers, path } = world.api.requests[0] as (typeof world.api.requests)[number];
    expect([headers.authorization, headers["x-api-key"], new URL(path, base).searchParams.get("key")]).toContain(arrives);
    expect(inspect(tool, { depth: 9 })).not.toContain(value);
    expect(JSON.stringify(tool.config)).not.toContain("test://");
    // Somewhere else it is refused.
    const placeholder = tool.fetch.placeholder("test://key");
    await expect(tool.fetch(`${base}/v1`, { headers: { "x-elsewhere": placeholder } })).rejects.toMatchObject({
      code: "permission-denied",
    });
  });

  it("with its path as far as it is fixed, and its methods", async () => {
    const headers = { authorization: `Bearer \${test://key}` };
    const tool = only([{ name: "user", method: "get", url: `${base}/v1/users/{id}`, headers }]);
    const send = (path: string, method = "GET") => tool.fetch(`${base}${path}`, { method, headers: at(tool, "headers") });
    expect((await send("/v1/users/7")).status).toBe(200);
    await expect(send("/v1/admin")).rejects.toMatchObject({ code: "permission-denied" });
    await expect(send("/v1/users/7", "DELETE")).rejects.toMatchObject({ code: "permission-denied" });
    expect(world.api.requests.length).toBe(1);
  });
});

describe("each tool", () => {
  const tool = (name: string, port: number, reference: string) => ({
    name,
    url: `https://${names.api}:${port}/`,
    headers: { authorization: `Bearer \${${reference}}` },
  });

  it("has a grant of its own, for its own secrets at its own address", async () => {
    const [first, second] = resolve([
      tool("first", world.api.port, "test://key"),
      tool("second", world.evil.port, "test://key"),
      { name: "third", description: "needs nothing" },
    ]) as [ResolvedTool, ResolvedTool];
    const send = (by: ResolvedTool, port: number, held: ResolvedTool) =>
      by.fetch(`https://${names.api}:${port}/`, { headers: at(held, "headers") });
    expect((await send(first, world.api.port, first)).status).toBe(200);
    await expect(send(first, world.evil.port, first)).rejects.toMatchObject({ code: "permission-denied" });
    await expect(send(second, world.evil.port, first)).rejects.toMatchObject({ code: "invalid-argument" });
    expect(world.evil.requests).toEqual([]);
    first.revoke();
    await expect(send(first, world.api.port, first)).rejects.toThrow("revoked");
    expect((await send(second, world.evil.port, second)).status).toBe(200);
  });

  it("is told no value that another one used", async () => {
    world.api.answer = ({ headers }, response) => response.end(headers.authorization ?? value);
    const [first, second] = resolve([
      tool("first", world.api.port, "test://key"),
      tool("second", world.api.port, "test://other"),
    ]) as [ResolvedTool, ResolvedTool];
    await first.fetch(`${base}/`, { headers: at(first, "headers") });
    expect(await (await second.fetch(`${base}/last`)).text()).toBe("[secret]");
  });

  it("is limited as the caller says, and named in events", async () => {
    const events: unknown[] = [];
    const config = [tool("search", world.api.port, "test://key")];
    const limited = only(config, { grant: { run: "r1", uses: 1 }, onEvent: (event) => events.push(event) });
    const send = () => limited.fetch(`${base}/`, { headers: at(limited, "headers") });
    expect(limited.usesLeft).toBe(1);
    await send();
    await expect(send()).rejects.toMatchObject({ code: "permission-denied" });
    expect(limited.usesLeft).toBe(0);
    expect(events).toMatchObject([{ run: "r1", tool: "search", outcome: "answered" }, { outcome: "refused" }]);
  });

  it("is bound only where the caller allows it", async () => {
    const config = [tool("search", world.api.port, "test://key")];
    const asked: unknown[] = [];
    const refused = () => resolve(config, { allow: (rule, name) => void asked.push([rule, name]) });
    expect(refused).toThrow(expect.objectContaining({ code: "permission-denied", reference: "test://key" }));
    expect(asked).toEqual([
      [
        {
          reference: "test://key",
          host: names.api,
          scheme: "https",
          port: world.api.port,
          path: "/",
          header: "authorization",
          as: "bearer",
        },
        "search",
      ],
    ]);
    const narrow = only(config, { allow: (rule) => ({ ...rule, path: "/v2", addresses: ["127.0.0.1"] }) });
    await expect(narrow.fetch(`${base}/v1`, { headers: at(narrow, "headers") })).rejects.toThrow("path");
    const unsaid = only(config, { allow: (rule) => rule });
    await expect(unsaid.fetch(`${base}/`, { headers: at(unsaid, "headers") })).rejects.toThrow("address");
  });
});
