import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect, createServer as createSocketServer } from "node:net";
import { inspect } from "node:util";
import { everything, failure, type Sinks, shown } from "../sink.ts";

/** What reaches a server, byte by byte, and what the caller's errors say. */
async function sent(use: (port: number) => unknown): Promise<(string | Uint8Array)[]> {
  const received: Buffer[] = [];
  const server = createSocketServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received.push(chunk);
      socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const outcome = await failure(() => use((server.address() as AddressInfo).port));
  server.close();
  return [outcome, Buffer.concat(received)];
}

async function call(options: object, body?: string | Uint8Array): Promise<number | undefined> {
  const call = request({ host: "127.0.0.1", agent: false, ...options });
  call.on("error", () => {});
  try {
    call.end(body);
    const [response] = await once(call, "response");
    response.resume();
    return response.statusCode;
  } finally {
    call.destroy();
  }
}

/** Requests made of the value itself, without its methods: the placeholder must not be sent for it either. */
export const network: Sinks = {
  "a header of node:http": (value) => sent((port) => call({ port, headers: { authorization: value } })),
  "a header with a scheme": (value) => sent((port) => call({ port, headers: { authorization: `Bearer ${value}` } })),
  "the auth option of node:http": (value) => sent((port) => call({ port, auth: `app:${value}` })),
  "a path of node:http": (value) => sent((port) => call({ port, path: `/?${new URLSearchParams({ key: value })}` })),
  "a body of node:http": (value) => sent((port) => call({ port, method: "POST" }, value)),
  "a header of fetch": (value) =>
    sent((port) => fetch(`http://127.0.0.1:${port}/`, { headers: { "x-api-key": value } }).then((r) => r.status)),
  "a query of fetch": (value) => sent((port) => fetch(`http://127.0.0.1:${port}/?key=${value}`).then((r) => r.status)),
  "a JSON body of fetch": (value) =>
    sent((port) => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: JSON.stringify({ value }) }).then((r) => r.status)),
  "a body of fetch": (value) =>
    sent((port) => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: value }).then((r) => r.status)),
  "a socket's write": (value) =>
    sent(async (port) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      try {
        socket.end(value);
        await once(socket, "close");
      } finally {
        socket.destroy();
      }
    }),
  "diagnostics of node:http": async (value) => {
    const seen: string[] = [];
    const listen = (message: unknown) => {
      const { request: made } = message as { request: { getHeaders(): unknown; path: string } };
      seen.push(inspect(made.getHeaders(), everything), made.path);
    };
    const starts = channel("http.client.request.start");
    starts.subscribe(listen);
    const outcome = await sent((port) => call({ port, headers: { "x-api-key": value } }));
    starts.unsubscribe(listen);
    return [...seen, ...outcome];
  },
  "an answer's header": async (value) => {
    const seen: string[] = [];
    const server = createServer((_request, response) => {
      try {
        response.setHeader("x-key", value);
      } catch (error) {
        seen.push(shown(error));
      }
      response.end(`${value}`);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
      headers: { connection: "close" },
    });
    const body = await answer.bytes();
    server.close();
    return [...seen, JSON.stringify([...answer.headers]), body];
  },
};
