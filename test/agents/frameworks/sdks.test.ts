import { inspect } from "node:util";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { APICallError, generateText, isStepCount, streamText, tool } from "ai";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { GrantedFetch } from "../../../packages/agents/src/index.ts";
import { createOpener, type Opener, value } from "../../../packages/agents/test/opened.ts";
import { type Answer, startWorld, type World } from "../world.ts";
import { modelAnswer } from "./stub-model.ts";

let world: World;
let opener: Opener;

beforeAll(async () => {
  world = await startWorld();
  opener = createOpener(world);
});
afterEach(async () => {
  await opener.closeAll();
  world.reset();
});
afterAll(() => world.close());

const key = "test://key";
const open = () => opener.open([opener.rule({ path: "/v1", placeholderInBody: "keep" })]);
const messages = [{ role: "user" as const, content: "hello" }];
const everything = (something: unknown) => inspect(something, { depth: 12, showHidden: true, maxStringLength: null });

/** Says no once, with the key that it got, and then answers. */
function once(status: number, answer: Answer): Answer {
  let isFirst = true;
  return (request, response) => {
    if (!isFirst) return answer(request, response);
    isFirst = false;
    response.writeHead(status, { "content-type": "application/json", "retry-after-ms": "1" });
    response.end(JSON.stringify({ error: { type: "rate_limit_error", message: `${request.headers.authorization}, wait` } }));
  };
}

interface Sdk {
  readonly make: (fetch: GrantedFetch, more?: object) => OpenAI | Anthropic;
  readonly ask: (client: never, options?: { signal?: AbortSignal; timeout?: number }) => Promise<string>;
  readonly stream: (client: never) => Promise<string>;
  readonly errors: typeof OpenAI | typeof Anthropic;
}

const sdks: Readonly<Record<string, Sdk>> = {
  openai: {
    make: (fetch, more) =>
      new OpenAI({ baseURL: opener.url("/v1"), apiKey: fetch.placeholder(key, { prefix: "sk-" }), fetch, ...more }),
    async ask(client: OpenAI, options) {
      const answer = await client.chat.completions.create({ model: "stub", messages }, options);
      return answer.choices[0]?.message.content ?? "";
    },
    async stream(client: OpenAI) {
      let text = "";
      for await (const chunk of await client.chat.completions.create({ model: "stub", messages, stream: true }))
        text += chunk.choices[0]?.delta.content ?? "";
      return text;
    },
    errors: OpenAI,
  },
  "@anthropic-ai/sdk": {
    make: (fetch, more) =>
      new Anthropic({ baseURL: opener.url(""), apiKey: fetch.placeholder(key, { prefix: "sk-ant-" }), fetch, ...more }),
    async ask(client: Anthropic, options) {
      const answer = await client.messages.create({ model: "stub", max_tokens: 10, messages }, options);
      return answer.content[0]?.type === "text" ? answer.content[0].text : "";
    },
    stream: (client: Anthropic) => client.messages.stream({ model: "stub", max_tokens: 10, messages }).finalText(),
    errors: Anthropic,
  },
};

describe.each(Object.entries(sdks))("%s", (_name, { make, ask, stream, errors }) => {
  it("asks, streams, and retries, with a placeholder for its key", async () => {
    const { fetch, events } = await open();
    const client = make(fetch) as never;
    world.api.answer = once(429, modelAnswer([{ say: "one" }, { say: `two ${value}` }, { say: "the third, in pieces" }]));
    expect(await ask(client)).toBe("one");
    expect(await ask(client)).toBe("two [secret]");
    expect(await stream(client)).toBe("the third, in pieces");
    expect(world.api.requests.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill(`Bearer ${value}`));
    // A retry is a use like any other.
    expect(events.map(({ status }) => status)).toEqual([429, 200, 200, 200]);
    expect(everything(client)).not.toContain(value);
  });

  it("tells its errors apart, and writes a log, as with a key of its own", async () => {
    const { fetch } = await open();
    const lines: unknown[] = [];
    const write = (...all: unknown[]) => void lines.push(all);
    const logger = { debug: write, info: write, warn: write, error: write };
    const client = make(fetch, { maxRetries: 0, logLevel: "debug", logger }) as never;
    world.api.answer = once(401, () => {});
    const refused = await ask(client).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(errors.AuthenticationError);
    await expect(ask(client, { timeout: 50 })).rejects.toBeInstanceOf(errors.APIConnectionTimeoutError);
    const stop = new AbortController();
    world.api.answer = () => stop.abort();
    await expect(ask(client, { signal: stop.signal })).rejects.toBeInstanceOf(errors.APIUserAbortError);
    expect(lines.length).toBeGreaterThan(3);
    expect(everything([refused, lines])).not.toContain(value);
    expect(everything(refused)).toContain("[secret]");
  });

  it("gives what Keyhold refuses as the cause of its error", async () => {
    const { fetch } = await opener.open([opener.rule({ path: "/v2", placeholderInBody: "keep" })]);
    const client = make(fetch, { maxRetries: 0 }) as never;
    await expect(ask(client)).rejects.toMatchObject({ cause: { code: "permission-denied", reference: key } });
    expect(world.api.requests).toEqual([]);
  });
});

describe("the AI SDK", () => {
  const provider = (fetch: GrantedFetch) => createOpenAI({ baseURL: opener.url("/v1"), apiKey: fetch.placeholder(key), fetch });

  it("calls tools, streams, and tells its telemetry, with placeholders", async () => {
    const { fetch, events } = await open();
    const execute = async ({ q }: { q: string }) => {
      const headers = { authorization: `Bearer ${fetch.placeholder(key)}` };
      return (await fetch(opener.url(`/v1/search?q=${q}`), { headers })).text();
    };
    const search = tool({ description: "Searches.", inputSchema: z.object({ q: z.string() }), execute });
    const told: unknown[] = [];
    const hear = (event: unknown) => void told.push(event);
    const integrations = [{ onStart: hear, onStepStart: hear, onToolExecutionEnd: hear, onStepEnd: hear, onEnd: hear }];
    const options = {
      model: provider(fetch).chat("stub"),
      tools: { search },
      stopWhen: isStepCount(3),
      telemetry: { integrations },
    };
    const turns = [{ call: "search", input: { q: "x" } }, { say: `found with ${value}` }];
    const echo: Answer = ({ headers }, response) => response.end(`you sent ${headers.authorization}`);

    world.api.answer = modelAnswer(turns, echo);
    const generated = await generateText({ ...options, prompt: `search with ${fetch.placeholder(key)}` });
    expect([generated.text, generated.steps[0]?.toolResults[0]?.output]).toEqual([
      "found with [secret]",
      "you sent Bearer [secret]",
    ]);
    world.api.answer = modelAnswer([turns[0] as never, { say: "found it" }], echo);
    const streamed = streamText({ ...options, prompt: "search" });
    expect((await Array.fromAsync(streamed.textStream)).join("")).toBe("found it");
    expect(events.map(({ outcome }) => outcome)).toEqual(Array(6).fill("answered"));
    expect(told.length).toBeGreaterThan(8);
    expect(everything([generated, await streamed.steps, told, options])).not.toContain(value);
    expect(everything(told)).toContain("[secret]");
  });

  it("asks and streams by OpenAI's newer API, which is its default", async () => {
    const { fetch } = await open();
    const options = { model: provider(fetch)("stub"), prompt: "hello" };
    world.api.answer = modelAnswer([{ say: `found with ${value}` }, { say: "found it" }]);
    expect((await generateText(options)).text).toBe("found with [secret]");
    expect((await Array.fromAsync(streamText(options).textStream)).join("")).toBe("found it");
    expect(world.api.requests.map(({ path }) => path)).toEqual(["/v1/responses", "/v1/responses"]);
  });

  it("tells its errors apart, and hands over what Keyhold refuses", async () => {
    const { fetch } = await open();
    const ask = () =>
      generateText({ model: provider(fetch).chat("stub"), prompt: "hello", maxRetries: 0 }).catch((error: unknown) => error);
    world.api.answer = once(400, () => {});
    const refused = await ask();
    expect(APICallError.isInstance(refused) && refused.statusCode).toBe(400);
    expect(everything(refused)).not.toContain(value);
    await fetch.close();
    expect(everything(await ask())).toContain("this fetch was closed");
  });
});
