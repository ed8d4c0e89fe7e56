import { load } from "@langchain/core/load";
import { AIMessage, HumanMessage, mapChatMessagesToStoredMessages, ToolMessage } from "@langchain/core/messages";
import { ChatPromptTemplate, type PromptTemplate } from "@langchain/core/prompts";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import type { AttackTable, Tool } from "../attack.ts";
import { chatModel, runAgent } from "../frameworks/langchain-agent.ts";
import { modelAnswer } from "../frameworks/stub-model.ts";

const secret = { lc: 1, type: "secret", id: ["OPENAI_API_KEY"] };
const made = (id: readonly string[], kwargs: object) => ({ lc: 1, type: "constructor", id, kwargs });

/** How a program brings back an agent that it stored: with the key, which was left out. */
const loadWithKey = <T>(tool: Tool, stored: unknown) =>
  load<T>(typeof stored === "string" ? stored : JSON.stringify(stored), {
    secretsMap: { OPENAI_API_KEY: tool.key },
    optionalImportsMap: { "langchain/chat_models/openai": { ChatOpenAI } },
  });

/** LangChain's own way to write an agent down and to bring it back, where `lc` keys say what is made, and with which secret. */
export const langchainSerialisation: AttackTable = [
  [
    "a model whose key stands in its configuration",
    ({ model, key, fetch, say }) => {
      const configuration = { baseURL: model.url, fetch: fetch as never, apiKey: key, defaultHeaders: { "x-api-key": key } };
      say(JSON.stringify(new ChatOpenAI({ model: "stub", apiKey: key, configuration })));
    },
  ],
  [
    "a chain of prompt, model and tools",
    async (tool) => {
      const prompt = ChatPromptTemplate.fromMessages([
        ["system", `searching needs ${tool.key}`],
        ["user", "{question}"],
      ]);
      const search = langchainTool(() => "", { name: "search", description: `with ${tool.key}`, schema: z.object({}) });
      const chain = prompt.pipe(chatModel({ ...tool.model, fetch: tool.fetch }).bindTools([search]));
      tool.say(JSON.stringify(chain));
    },
  ],
  [
    "a model that was brought back",
    async (tool) => {
      const stored = JSON.stringify(chatModel({ url: tool.api(), key: tool.key, fetch: tool.fetch }));
      const model = await loadWithKey<ChatOpenAI>(tool, stored);
      tool.say([model.apiKey, model]);
    },
  ],
  [
    "a stored model that was sent elsewhere",
    async (tool) => {
      const stored = JSON.stringify(chatModel({ url: tool.api(), key: tool.key, fetch: tool.fetch }));
      const address = `http://127.0.0.1:${tool.world.plain.port}/v1`;
      const model = await loadWithKey<ChatOpenAI>(tool, stored.replace(tool.api(), address));
      tool.world.plain.answer = modelAnswer([{ say: "thank you" }]);
      await model.invoke("hello");
    },
  ],
  [
    "a stored message that names the secret",
    async (tool) => {
      const kwargs = { content: "hello", additional_kwargs: { note: secret }, response_metadata: { seen: secret } };
      const message = await loadWithKey<AIMessage>(tool, made(["langchain_core", "messages", "AIMessage"], kwargs));
      tool.say(JSON.stringify(message));
    },
  ],
  [
    "a stored prompt that has the secret filled in",
    async (tool) => {
      const kwargs = { template: "tell them {it}", input_variables: [], partial_variables: { it: secret } };
      const prompt = await loadWithKey<PromptTemplate>(
        tool,
        made(["langchain_core", "prompts", "prompt", "PromptTemplate"], kwargs),
      );
      tool.world.model.answer = modelAnswer([{ say: "told" }]);
      await chatModel({ ...tool.model, fetch: tool.fetch }).invoke(await prompt.format({}));
    },
  ],
  [
    "a stored object that names a variable of the environment",
    async (tool) => {
      process.env.KEYHOLD_TEST_SEARCH_KEY = tool.key;
      try {
        const stored = { anything: { lc: 1, type: "secret", id: ["KEYHOLD_TEST_SEARCH_KEY"] } };
        tool.say(await load(JSON.stringify(stored), { secretsFromEnv: true }));
      } finally {
        delete process.env.KEYHOLD_TEST_SEARCH_KEY;
      }
    },
  ],
  [
    "the history of a run",
    async (tool) => {
      tool.world.model.answer = modelAnswer([{ call: "search", input: {} }, { say: "found" }]);
      tool.world.api.answer = ({ headers }, response) => response.end(headers.authorization);
      const search = langchainTool(async () => (await tool.ask()).text(), {
        name: "search",
        description: "Searches.",
        schema: z.object({}),
      });
      const messages = await runAgent(chatModel({ ...tool.model, fetch: tool.fetch }), [search], "search");
      tool.say(JSON.stringify(mapChatMessagesToStoredMessages(messages)));
    },
  ],
  [
    "a message that was made of what a host answered",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(JSON.stringify({ seen: headers }));
      const answer = (await (await tool.ask()).json()) as Record<string, unknown>;
      const message = new ToolMessage({ tool_call_id: "1", content: "", artifact: answer });
      tool.say(JSON.stringify([new HumanMessage("?"), new AIMessage({ content: "", additional_kwargs: answer }), message]));
    },
  ],
];
