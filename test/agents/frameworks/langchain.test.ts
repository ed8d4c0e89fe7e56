import { inspect } from "node:util";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { load } from "@langchain/core/load";
import { AIMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { RunCollectorCallbackHandler } from "@langchain/core/tracers/run_collector";
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { createOpener, type Opener, value } from "../../../packages/agents/test/opened.ts";
import { startWorld, type World } from "../world.ts";
import { chatModel, runAgent } from "./langchain-agent.ts";
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
const imports = { optionalImportsMap: { "langchain/chat_models/openai": { ChatOpenAI } } };

async function openModel() {
  const opened = await opener.open([opener.rule({ path: "/v1", placeholderInBody: "keep" })]);
  const placeholder = opened.fetch.placeholder(key, { prefix: "sk-" });
  return { ...opened, placeholder, model: chatModel({ url: opener.url("/v1"), key: placeholder, fetch: opened.fetch }) };
}

const shown = (something: unknown) =>
  [JSON.stringify(something), inspect(something, { depth: 12, showHidden: true, maxStringLength: null })].join("\n");

it("an agent's model gets the key, and its tools, callbacks, traces and serialisation hold placeholders", async () => {
  const { model, placeholder, fetch, events } = await openModel();
  const grant = fetch.grant({ tool: "search", references: [key], uses: 1 });
  const search = tool(
    async ({ q }) => {
      const headers = { authorization: `Bearer ${grant.fetch.placeholder(key)}` };
      return (await grant.fetch(opener.url(`/v1/search?q=${q}`), { headers })).text();
    },
    { name: "search", description: "Searches.", schema: z.object({ q: z.string() }) },
  );
  world.api.answer = modelAnswer(
    [{ call: "search", input: { q: "x" } }, { say: `found with ${value}` }],
    ({ headers }, response) => response.end(`you sent ${headers.authorization}`),
  );
  const collector = new RunCollectorCallbackHandler();
  const heard: unknown[] = [];
  const callback = BaseCallbackHandler.fromMethods({
    handleChatModelStart: (...all) => void heard.push(all),
    handleLLMEnd: (...all) => void heard.push(all),
    handleToolStart: (...all) => void heard.push(all),
    handleToolEnd: (...all) => void heard.push(all),
  });
  const messages = await runAgent(model, [search], `search with ${placeholder}`, [collector, callback]);
  expect(messages.at(-1)?.content).toBe("found with [secret]");
  expect(messages.at(-2)?.content).toBe("you sent Bearer [secret]");
  expect(world.api.requests.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${value}`));
  expect(world.api.requests[0]?.body).toContain(placeholder);
  expect(events.map(({ tool, path, outcome }) => [tool, path, outcome])).toEqual([
    [undefined, "/v1/chat/completions", "answered"],
    ["search", "/v1/search", "answered"],
    [undefined, "/v1/chat/completions", "answered"],
  ]);
  expect(collector.tracedRuns.length).toBeGreaterThan(2);
  expect(heard.length).toBeGreaterThan(5);
  for (const held of [model, search, messages, collector.tracedRuns, heard, model.bindTools([search])]) {
    expect(shown(held)).not.toContain(value);
  }
  expect(shown(collector.tracedRuns)).toContain("[secret]");
});

it("a stream comes in pieces", async () => {
  const { model } = await openModel();
  world.api.answer = modelAnswer([{ say: "all is well" }]);
  const pieces: unknown[] = [];
  for await (const chunk of await model.stream("hello")) pieces.push(chunk.content);
  expect(pieces.join("")).toBe("all is well");
  expect(pieces.length).toBeGreaterThan(1);
});

it("an agent that was stored and brought back has what it is given: a placeholder, and no value by any name", async () => {
  const { model, placeholder } = await openModel();
  const stored = JSON.stringify(model);
  expect(stored).not.toContain(placeholder);
  await expect(load(stored, imports)).rejects.toThrow("Missing secret");
  const loaded = await load<ChatOpenAI>(stored, { ...imports, secretsMap: { OPENAI_API_KEY: placeholder } });
  expect(loaded.apiKey).toBe(placeholder);
  // What the model says is data, also where it looks like something to be made.
  const named = { lc: 1, type: "secret", id: ["OPENAI_API_KEY"] };
  const message = JSON.stringify(new AIMessage({ content: "", additional_kwargs: { named }, response_metadata: { named } }));
  const again = await load<AIMessage>(message, { secretsMap: { OPENAI_API_KEY: placeholder } });
  expect(again.additional_kwargs.named).toEqual(named);
  // And where somebody wrote into the store, what is made of it means nothing elsewhere.
  const forged = await load<{ named: string }>(JSON.stringify({ named }), { secretsMap: { OPENAI_API_KEY: placeholder } });
  expect(forged.named).toBe(placeholder);
});

it("a refusal reaches the program as what it is", async () => {
  const { fetch } = await openModel();
  const grant = fetch.grant({ references: [key] });
  const model = chatModel({ url: opener.url("/v1"), key: grant.fetch.placeholder(key), fetch: grant.fetch });
  grant.revoke();
  const error = await model.invoke("hello").catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ cause: { code: "permission-denied", message: "the grant was revoked" } });
  expect(world.api.requests).toEqual([]);
});
