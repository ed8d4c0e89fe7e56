import { inspect } from "node:util";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { tool as langchainTool } from "@langchain/core/tools";
import { tool as aiTool, generateText, isStepCount, streamText } from "ai";
import OpenAI from "openai";
import { z } from "zod";
import type { AttackTable, Tool } from "../attack.ts";
import { chatModel, runAgent } from "../frameworks/langchain-agent.ts";
import { modelAnswer } from "../frameworks/stub-model.ts";

type Fetch = typeof fetch;
const schema = z.object({ q: z.string() });
const prompt = [{ role: "user" as const, content: "hello" }];
const everything = (value: unknown) => inspect(value, { depth: 12, showHidden: true, maxStringLength: null });

/** The model's host is the rule's here: it says what is wrong with the key, as OpenAI's does, or a header too many. */
function refusing(tool: Tool, status: number): void {
  tool.world.api.answer = ({ headers }, response) => {
    const key = String(headers["x-api-key"] ?? headers.authorization).replace(/^Bearer /, "");
    const error = { type: "invalid_request_error", message: `Incorrect API key provided: ${key}.` };
    response.writeHead(status, { "content-type": "application/json", "x-seen": encodeURIComponent(key), "retry-after-ms": "1" });
    response.end(JSON.stringify({ type: "error", error }));
  };
}

const openAI = (tool: Tool, more: object = {}) =>
  new OpenAI({ baseURL: tool.api(), apiKey: tool.key, fetch: tool.fetch as Fetch, maxRetries: 0, ...more });
const anthropic = (tool: Tool, more: object = {}) =>
  new Anthropic({
    baseURL: tool.api("/v1/anthropic"),
    apiKey: tool.key,
    fetch: tool.fetch as Fetch,
    maxRetries: 0,
    ...more,
  });
const chat = { model: "stub", messages: prompt };

/** What a tool throws, and what a framework makes of it: a message to the model, an error with the request in it. */
export const frameworkErrors: AttackTable = [
  [
    "what a tool throws, told to the model by an agent of LangChain's",
    async (tool) => {
      tool.world.model.answer = modelAnswer([{ call: "search", input: { q: "x" } }]);
      const search = langchainTool(
        () => {
          throw new Error(`curl -H 'authorization: Bearer ${tool.key}' ${tool.api()} failed`);
        },
        { name: "search", description: "Searches.", schema },
      );
      await runAgent(chatModel({ ...tool.model, fetch: tool.fetch }), [search], "search");
    },
  ],
  [
    "what a tool throws, told to the model by the AI SDK",
    async (tool) => {
      tool.world.model.answer = modelAnswer([{ call: "search", input: { q: "x" } }]);
      const { url, key } = tool.model;
      const execute = (): string => {
        throw new Error(`${tool.api()} did not like ${tool.key}`);
      };
      await generateText({
        model: createOpenAI({ baseURL: url, apiKey: key, fetch: tool.fetch as Fetch }).chat("stub"),
        tools: { search: aiTool({ inputSchema: schema, execute }) },
        stopWhen: isStepCount(2),
        prompt: "search",
      });
    },
  ],
  [
    "LangChain's error for a model that refused the key",
    async (tool) => {
      refusing(tool, 401);
      await chatModel({ url: tool.api(), key: tool.key, fetch: tool.fetch }).invoke("hello");
    },
  ],
  [
    "OpenAI's error for a refused key",
    async (tool) => {
      refusing(tool, 401);
      await openAI(tool).chat.completions.create(chat);
    },
  ],
  [
    "OpenAI's error, with the headers of the answer",
    async (tool) => {
      refusing(tool, 400);
      const error = await openAI(tool)
        .chat.completions.create(chat)
        .catch((thrown: unknown) => thrown);
      tool.say(everything([error, [...((error as InstanceType<typeof OpenAI.APIError>).headers ?? [])]]));
    },
  ],
  [
    "OpenAI's error in the middle of a stream",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        const error = { message: `no more for ${headers.authorization}`, type: "server_error" };
        response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${JSON.stringify({ error })}\n\n`);
      };
      for await (const chunk of await openAI(tool).chat.completions.create({ ...chat, stream: true })) tool.say(chunk);
    },
  ],
  [
    "Anthropic's error for a refused key",
    async (tool) => {
      refusing(tool, 401);
      await anthropic(tool).messages.create({ ...chat, max_tokens: 10 });
    },
  ],
  [
    "Anthropic's error, after its retries",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        const error = { type: "overloaded_error", message: `${headers.authorization} has to wait` };
        response.writeHead(529, { "content-type": "application/json", "retry-after-ms": "1" });
        response.end(JSON.stringify({ type: "error", error }));
      };
      await anthropic(tool, { maxRetries: 2 }).messages.create({ ...chat, max_tokens: 10 });
    },
  ],
  [
    "the AI SDK's error, with request and answer in it",
    async (tool) => {
      refusing(tool, 400);
      const model = createOpenAI({ baseURL: tool.api(), apiKey: tool.key, fetch: tool.fetch as Fetch }).chat("stub");
      await generateText({ model, prompt: "hello", maxRetries: 0 });
    },
  ],
  [
    "the AI SDK's error in a stream",
    async (tool) => {
      refusing(tool, 400);
      const model = createOpenAI({ baseURL: tool.api(), apiKey: tool.key, fetch: tool.fetch as Fetch }).chat("stub");
      const onError = ({ error }: { error: unknown }) => tool.say(everything(error));
      await streamText({ model, prompt: "hello", maxRetries: 0, onError }).consumeStream();
    },
  ],
];

const answering = (tool: Tool) => {
  tool.world.api.answer = modelAnswer([({ headers }) => ({ say: `you are ${headers.authorization ?? headers["x-api-key"]}` })]);
};

const log = (tool: Tool) => {
  const write = (...all: unknown[]) => tool.trace(everything(all));
  return { debug: write, info: write, warn: write, error: write };
};

/** What the SDKs of models write when they are asked to log. */
export const sdkLogs: AttackTable = [
  [
    "OpenAI's, of a request with a header of one's own",
    async (tool) => {
      answering(tool);
      const more = { logLevel: "debug", logger: log(tool), defaultHeaders: { "x-basic": basic(tool.key) } };
      await openAI(tool, more).chat.completions.create(chat);
    },
  ],
  [
    "OpenAI's, to the console by the environment",
    async (tool) => {
      answering(tool);
      process.env.OPENAI_LOG = "debug";
      try {
        const response = await openAI(tool, { defaultHeaders: { "x-basic": basic(tool.key) } }).chat.completions.create(chat);
        console.log(response.choices[0]?.message);
      } finally {
        delete process.env.OPENAI_LOG;
      }
    },
  ],
  [
    "OpenAI's, of what it is connected to",
    async (tool) => {
      refusing(tool, 500);
      const more = { logLevel: "debug", logger: log(tool), maxRetries: 1, defaultHeaders: { "x-stainless-retry-count": "0" } };
      await openAI(tool, more).chat.completions.create(chat);
    },
  ],
  [
    "Anthropic's, of an answer",
    async (tool) => {
      refusing(tool, 400);
      await anthropic(tool, { logLevel: "debug", logger: log(tool) }).messages.create({ ...chat, max_tokens: 10 });
    },
  ],
  [
    "Anthropic's, of a stream that it cannot read",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(`event: message_start\ndata: {"you": ${headers.authorization}}\n\n`);
      };
      const stream = await anthropic(tool, { logger: log(tool) }).messages.create({ ...chat, max_tokens: 10, stream: true });
      for await (const event of stream) tool.say(event);
    },
  ],
  [
    "Anthropic's, of a header of one's own",
    async (tool) => {
      answering(tool);
      const more = { logLevel: "debug", logger: log(tool), defaultHeaders: { "x-basic": basic(tool.key) } };
      await anthropic(tool, more).messages.create({ ...chat, max_tokens: 10 });
    },
  ],
];

const basic = (key: string) => `Basic ${Buffer.from(`${key}:`).toString("base64")}`;
