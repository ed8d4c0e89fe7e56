import type { ServerResponse } from "node:http";
import type { Answer, Received } from "../world.ts";

/** What the model does with one turn: say something, or call a tool. */
export type Turn = { readonly say: string } | { readonly call: string; readonly input: Readonly<Record<string, unknown>> };

type Wire = (turn: Turn, index: number) => { readonly whole: object; readonly events: readonly object[] };

/** OpenAI's chat completions, in the form that its API reference gives. */
const chatCompletions: Wire = (turn, index) => {
  const call = "call" in turn && {
    id: `call_${index}`,
    type: "function",
    function: { name: turn.call, arguments: JSON.stringify(turn.input) },
  };
  const message = { role: "assistant", content: "say" in turn ? turn.say : null, ...(call && { tool_calls: [call] }) };
  const finish_reason = call ? "tool_calls" : "stop";
  const base = { id: `chatcmpl-${index}`, created: 1_700_000_000, model: "stub" };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const chunk = (delta: object, finish: string | null) => ({
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  // A text comes in pieces, so that a value in it would be cut.
  const pieces = "say" in turn ? (turn.say.match(/.{1,7}/gs) ?? []) : [];
  const deltas = call
    ? [{ role: "assistant", tool_calls: [{ index: 0, ...call }] }]
    : pieces.map((content) => ({ role: "assistant", content }));
  return {
    whole: { ...base, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage },
    events: [...deltas.map((delta) => chunk(delta, null)), chunk({}, finish_reason)],
  };
};

/** Anthropic's messages. */
const messages: Wire = (turn, index) => {
  const block =
    "call" in turn
      ? { type: "tool_use", id: `toolu_${index}`, name: turn.call, input: turn.input }
      : { type: "text", text: turn.say };
  const stop_reason = "call" in turn ? "tool_use" : "end_turn";
  const usage = { input_tokens: 1, output_tokens: 1 };
  const base = { id: `msg_${index}`, type: "message", role: "assistant", model: "stub", stop_sequence: null, usage };
  const delta =
    "call" in turn
      ? { type: "input_json_delta", partial_json: JSON.stringify(turn.input) }
      : { type: "text_delta", text: turn.say };
  const started = "call" in turn ? { ...block, input: {} } : { type: "text", text: "" };
  return {
    whole: { ...base, content: [block], stop_reason },
    events: [
      { type: "message_start", message: { ...base, content: [], stop_reason: null } },
      { type: "content_block_start", index: 0, content_block: started },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage },
      { type: "message_stop" },
    ],
  };
};

/** OpenAI's responses, of text alone. */
const responses: Wire = (turn, index) => {
  const text = "say" in turn ? turn.say : "";
  const id = `msg_${index}`;
  const message = {
    type: "message",
    id,
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text, annotations: [] }],
  };
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  const whole = {
    id: `resp_${index}`,
    object: "response",
    created_at: 1_700_000_000,
    model: "stub",
    status: "completed",
    output: [message],
    usage,
  };
  return {
    whole,
    events: [
      { type: "response.created", response: { ...whole, output: [], status: "in_progress" } },
      { type: "response.output_item.added", output_index: 0, item: { ...message, content: [], status: "in_progress" } },
      { type: "response.output_text.delta", item_id: id, output_index: 0, content_index: 0, delta: text },
      { type: "response.output_item.done", output_index: 0, item: message },
      { type: "response.completed", response: whole },
    ],
  };
};

const wires: Readonly<Record<string, Wire>> = {
  "/chat/completions": chatCompletions,
  "/messages": messages,
  "/responses": responses,
};

function send(response: ServerResponse, isStream: boolean, { whole, events }: ReturnType<Wire>): void {
  if (!isStream) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(whole));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) {
    if ("type" in event) response.write(`event: ${event.type}\n`);
    response.write(`data: ${JSON.stringify(event)}\n\n`);
  }
  response.end("object" in whole && whole.object === "chat.completion" ? "data: [DONE]\n\n" : "");
}

/**
 * A model that takes these turns, one a request, and then says nothing more; streamed where it is asked to. What is not a request to
 * a model is answered by `otherwise`. A turn may depend on the request.
 */
export function modelAnswer(turns: readonly (Turn | ((request: Received) => Turn))[], otherwise?: Answer): Answer {
  let index = 0;
  return (request, response) => {
    const wire = Object.entries(wires).find(([end]) => request.path.endsWith(end))?.[1];
    if (wire === undefined) {
      if (otherwise) otherwise(request, response);
      else response.writeHead(404).end();
      return;
    }
    const { stream = false } = JSON.parse(request.body) as { stream?: boolean };
    const next = turns[index] ?? { say: "done" };
    const turn = typeof next === "function" ? next(request) : next;
    index += 1;
    send(response, stream, wire(turn, index));
  };
}
