import { tracingChannel } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { createOpenAI } from "@ai-sdk/openai";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { awaitAllCallbacks } from "@langchain/core/callbacks/promises";
import { HumanMessage } from "@langchain/core/messages";
import { RunnableLambda } from "@langchain/core/runnables";
import { tool as langchainTool } from "@langchain/core/tools";
import { ConsoleCallbackHandler } from "@langchain/core/tracers/console";
import { RunCollectorCallbackHandler } from "@langchain/core/tracers/run_collector";
import { LangChainTracer } from "@langchain/core/tracers/tracer_langchain";
import {
  AI_SDK_TELEMETRY_TRACING_CHANNEL,
  tool as aiTool,
  generateText,
  isStepCount,
  streamText,
  type Telemetry,
  wrapLanguageModel,
} from "ai";
import { Client } from "langsmith";
import { z } from "zod";
import type { AttackTable, Tool } from "../attack.ts";
import { chatModel, runAgent } from "../frameworks/langchain-agent.ts";
import { modelAnswer } from "../frameworks/stub-model.ts";

const schema = z.object({ q: z.string() });
const everything = (value: unknown) => inspect(value, { depth: 12, showHidden: true, maxStringLength: null });

/** The rule's host answers with the headers that it was sent, as hosts do that help to find errors. */
function echoing(tool: Tool): void {
  tool.world.model.answer = modelAnswer([{ call: "search", input: { q: "x" } }, { say: "found" }]);
  tool.world.api.answer = ({ headers }, response) => response.end(JSON.stringify(headers));
}

const searchWithLangChain = (tool: Tool) =>
  langchainTool(async ({ q }) => (await tool.ask(`/v1?q=${q}`)).text(), { name: "search", description: "Searches.", schema });

/** LangChain's agent with its real tracers. */
async function langchain(tool: Tool, ...callbacks: BaseCallbackHandler[]): Promise<void> {
  echoing(tool);
  await runAgent(chatModel({ ...tool.model, fetch: tool.fetch }), [searchWithLangChain(tool)], "search", callbacks);
  await awaitAllCallbacks();
}

/** LangSmith's client, exporting to somebody else. */
const exporter = (tool: Tool) =>
  new LangChainTracer({
    client: new Client({ apiUrl: `http://127.0.0.1:${tool.world.plain.port}`, apiKey: "none", autoBatchTracing: false }),
  });

const aiModel = (tool: Tool) =>
  createOpenAI({ baseURL: tool.model.url, apiKey: tool.model.key, fetch: tool.fetch as typeof fetch }).chat("stub");

const aiOptions = (tool: Tool) => {
  echoing(tool);
  const execute = async ({ q }: { q: string }) => (await tool.ask(`/v1?q=${q}`)).text();
  const search = aiTool({ description: "Searches.", inputSchema: schema, execute });
  return { model: aiModel(tool), tools: { search }, prompt: "search", stopWhen: isStepCount(3), maxRetries: 0 };
};

/** Hears what the AI SDK tells its telemetry. */
function integration(tool: Tool): Telemetry {
  const hear = (event: unknown) => tool.trace(everything(event));
  return {
    onStart: hear,
    onStepStart: hear,
    onLanguageModelCallStart: hear,
    onLanguageModelCallEnd: hear,
    onToolExecutionStart: hear,
    onToolExecutionEnd: hear,
    onStepEnd: hear,
    onEnd: hear,
    onError: hear,
  };
}

/** What the tracers of real frameworks write down, and send to whoever runs the tracing. */
export const frameworkTraces: AttackTable = [
  ["LangChain's tracer, with what tools answer", (tool) => langchain(tool, exporter(tool))],
  [
    "LangChain's tracer, with what a run is configured with",
    async (tool) => {
      const chain = RunnableLambda.from(() => "done");
      const configuration = { configurable: { search_key: tool.key }, metadata: { header: `Bearer ${tool.key}` } };
      await chain.invoke("", { callbacks: [exporter(tool)], ...configuration });
      await awaitAllCallbacks();
    },
  ],
  [
    "LangChain's tracer, with a tool that failed",
    async (tool) => {
      const fail = langchainTool(
        () => {
          throw new Error(`GET ${tool.api()} with ${tool.key}`);
        },
        { name: "search", description: "Searches.", schema },
      );
      await fail.invoke({ q: "x" }, { callbacks: [exporter(tool)] }).catch(() => {});
      await awaitAllCallbacks();
    },
  ],
  ["LangChain's console", (tool) => langchain(tool, new ConsoleCallbackHandler())],
  [
    "LangChain's collected runs",
    async (tool) => {
      const collector = new RunCollectorCallbackHandler();
      await langchain(tool, collector);
      tool.trace(everything(collector.tracedRuns));
    },
  ],
  [
    "a callback that hears what LangChain is made of",
    async (tool) => {
      const model = chatModel({ ...tool.model, fetch: tool.fetch });
      model.clientConfig.defaultHeaders = { "x-api-key": tool.key };
      const handler = BaseCallbackHandler.fromMethods({
        handleChatModelStart: (serialized, messages, _run, _parent, extra) => tool.trace([serialized, messages, extra]),
        handleLLMEnd: (output) => tool.trace(output),
      });
      tool.world.model.answer = modelAnswer([{ say: `you have ${tool.key}` }]);
      await model.invoke([new HumanMessage("who am I?")], { callbacks: [handler] });
      tool.trace(model);
    },
  ],
  [
    "LangChain's stream of events",
    async (tool) => {
      echoing(tool);
      const chain = RunnableLambda.from((q: string) => searchWithLangChain(tool).invoke({ q }));
      for await (const event of chain.streamEvents("x", { version: "v2" })) tool.trace(event);
    },
  ],
  [
    "the AI SDK's telemetry",
    async (tool) => {
      await generateText({ ...aiOptions(tool), telemetry: { integrations: [integration(tool)] } });
    },
  ],
  [
    "the AI SDK's telemetry of a stream",
    async (tool) => {
      await streamText({ ...aiOptions(tool), telemetry: { integrations: [integration(tool)] } }).consumeStream();
    },
  ],
  [
    "the AI SDK's channel",
    async (tool) => {
      const channel = tracingChannel(AI_SDK_TELEMETRY_TRACING_CHANNEL);
      const hear = (message: unknown) => tool.trace(everything(message));
      const subscribers = { start: hear, end: hear, asyncStart: hear, asyncEnd: hear, error: hear };
      channel.subscribe(subscribers);
      try {
        await generateText(aiOptions(tool));
      } finally {
        channel.unsubscribe(subscribers);
      }
    },
  ],
  [
    "the AI SDK's steps",
    async (tool) => {
      const { steps, response, request } = await generateText(aiOptions(tool));
      tool.trace(everything([steps, response, request]));
    },
  ],
  [
    "the AI SDK's middleware, with the headers of a call",
    async (tool) => {
      tool.world.model.answer = modelAnswer([{ say: "hello" }]);
      const model = wrapLanguageModel({
        model: aiModel(tool),
        middleware: {
          specificationVersion: "v4",
          transformParams: async ({ params }) => {
            tool.trace(params);
            return params;
          },
        },
      });
      await generateText({ model, prompt: "hello", headers: { "x-api-key": tool.key }, maxRetries: 0 });
    },
  ],
];
