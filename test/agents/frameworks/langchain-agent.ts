import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";

export interface ModelOptions {
  readonly url: string;
  readonly key: string;
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
}

/** `ChatOpenAI` as docs/agents.md makes it. */
export function chatModel({ url, key, fetch }: ModelOptions): ChatOpenAI {
  return new ChatOpenAI({
    model: "stub",
    apiKey: key,
    maxRetries: 0,
    useResponsesApi: false,
    configuration: { baseURL: url, fetch: fetch as typeof globalThis.fetch },
  });
}

/** Lets the model call the tools until it says something. What a tool throws goes back to the model, as in LangChain's own agents. */
export async function runAgent(
  model: ChatOpenAI,
  tools: readonly StructuredToolInterface[],
  question: string,
  callbacks: BaseCallbackHandler[] = [],
): Promise<BaseMessage[]> {
  const messages: BaseMessage[] = [new HumanMessage(question)];
  const bound = model.bindTools([...tools]);
  for (;;) {
    const answer = await bound.invoke(messages, { callbacks });
    messages.push(answer);
    if (!answer.tool_calls?.length) return messages;
    for (const call of answer.tool_calls) {
      const called = tools.find(({ name }) => name === call.name);
      const result = called
        ?.invoke({ ...call, type: "tool_call" }, { callbacks })
        .catch((error: Error) => new ToolMessage({ tool_call_id: call.id ?? "", content: `Error: ${error.message}` }));
      messages.push((await result) as ToolMessage);
    }
  }
}
