import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type AwsKeys, awsSignature } from "./aws-signature.ts";

export interface Server {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

async function serve(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const headersOf = (request: IncomingMessage) => request.headers as Record<string, string>;

/** A bucket as S3 serves it: every request is signed, or refused. What it does not have, it explains at length. */
export function startBucket(keys: AwsKeys, objects: Readonly<Record<string, string>>): Promise<Server> {
  return serve((request, response) => {
    const headers = headersOf(request);
    const url = new URL(request.url ?? "", `http://${headers.host}`);
    const [, names = "", signature] = /SignedHeaders=([^,]+), Signature=(\w+)$/.exec(headers.authorization ?? "") ?? [];
    const signed = { method: request.method ?? "", url, headers, signedHeaders: names.split(";") };
    const isSigned = signature === awsSignature(signed, keys.secretAccessKey);
    if (!isSigned || headers["x-amz-security-token"] !== keys.sessionToken)
      return void response.writeHead(403).end("SignatureDoesNotMatch");
    const object = objects[url.pathname];
    if (object !== undefined) return void response.end(object);
    response.writeHead(404).end(JSON.stringify({ Code: "NoSuchKey", Key: url.pathname, RequestHeaders: headers }));
  });
}

/** An API that takes a token, and has a page for debugging that shows what it got. */
export function startInventory(token: string): Promise<Server> {
  return serve((request, response) => {
    const headers = headersOf(request);
    if (headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
    if (request.url !== "/debug") return void response.end('{"lamp":3}');
    const base64 = Buffer.from(token).toString("base64");
    response.end(JSON.stringify({ method: request.method, headers, base64 }));
  });
}

export interface ToolCall {
  readonly name: string;
  readonly input: Readonly<Record<string, string>>;
}

export interface Model extends Server {
  /** What it received: the body of each request. */
  readonly received: readonly string[];
}

/** Speaks OpenAI's chat completions. It knows nothing: it calls the tools of each turn, and then says that it is done. */
export async function startModel(key: string, turns: readonly (readonly ToolCall[])[]): Promise<Model> {
  const received: string[] = [];
  const server = await serve(async (request, response) => {
    if (request.headers.authorization !== `Bearer ${key}`) return void response.writeHead(401).end();
    const calls = turns[received.length];
    received.push(await text(request));
    const message = {
      role: "assistant",
      content: calls ? null : "Ada's lamp is on its way.",
      ...(calls && {
        tool_calls: calls.map(({ name, input }, index) => ({
          id: `call_${received.length}_${index}`,
          type: "function",
          function: { name, arguments: JSON.stringify(input) },
        })),
      }),
    };
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 0,
        model: "stub",
        choices: [{ index: 0, message, finish_reason: calls ? "tool_calls" : "stop" }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      }),
    );
  });
  return { ...server, received };
}
