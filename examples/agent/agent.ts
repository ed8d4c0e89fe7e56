import { type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import type { StructuredToolInterface } from "@langchain/core/tools";
import type { ChatOpenAI } from "@langchain/openai";

/** Lets the model call tools until it says something. What a tool throws is told to the model, as LangChain's own agents do. */
export async function runAgent(model: ChatOpenAI, tools: readonly StructuredToolInterface[], question: string): Promise<string> {
  const messages: BaseMessage[] = [new HumanMessage(question)];
  const withTools = model.bindTools([...tools]);
  for (;;) {
    const answer = await withTools.invoke(messages);
    messages.push(answer);
    if (!answer.tool_calls?.length) return answer.text;
    for (const call of answer.tool_calls) {
      const found = tools.find(({ name }) => name === call.name);
      const result = found?.invoke({ ...call, type: "tool_call" }).catch((error: Error) => {
        return new ToolMessage({ tool_call_id: call.id ?? "", content: `${error.name}: ${error.message}` });
      });
      messages.push((await result) as ToolMessage);
    }
  }
}
