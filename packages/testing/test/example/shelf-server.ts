import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly revision: number;
  readonly savedAt: string;
}

export interface ShelfServer {
  readonly address: string;
  readonly token: string;
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

/** The service that `shelf` speaks to. A name `answer-503` is answered so, `hang` never, and `page` with a web page. */
export async function startShelf(): Promise<ShelfServer> {
  const token = "shelf-token-5f2b9c0d";
  const entries = new Map<string, Entry[]>();

  const answer = (response: ServerResponse, status: number, body: unknown = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...(status === 429 ? { "retry-after": "2" } : {}) });
    response.end(JSON.stringify(body));
  };

  const list = (query: URLSearchParams, response: ServerResponse) => {
    const names = [...entries.keys()].filter((name) => name.startsWith(query.get("prefix") ?? "")).sort();
    const start = Number(query.get("cursor") ?? 0);
    const page = names.slice(start, start + 3).map((name) => entries.get(name)?.at(-1));
    answer(response, 200, { entries: page, ...(start + 3 < names.length ? { next: String(start + 3) } : {}) });
  };

  const read = (name: string, revision: string | null, response: ServerResponse) => {
    const history = entries.get(name);
    const found = revision === null ? history?.at(-1) : history?.find((entry) => String(entry.revision) === revision);
    answer(response, found ? 200 : 404, found);
  };

  const write = (name: string, text: string, { headers }: IncomingMessage, response: ServerResponse) => {
    const history = entries.get(name) ?? [];
    const current = history.at(-1)?.revision ?? 0;
    const matches = headers["if-match"] === undefined || headers["if-match"] === String(current);
    if (!matches || (headers["if-none-match"] === "*" && current > 0)) return answer(response, 412);
    if (Buffer.byteLength(text) > 4_096) return answer(response, 413);
    const entry = { name, text, revision: current + 1, savedAt: new Date().toISOString() };
    entries.set(name, [...history, entry]);
    answer(response, 200, entry);
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://shelf");
    if (request.headers.authorization !== `Bearer ${token}`) return answer(response, 401);
    if (url.pathname === "/v1/entries") return list(url.searchParams, response);
    const name = decodeURIComponent(url.pathname.slice("/v1/entries/".length));
    if (name === "hang") return;
    if (name === "page") return void response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>");
    const status = /^answer-(\d+)$/.exec(name)?.[1];
    if (status !== undefined) return answer(response, Number(status));
    if (!/^[\w/-]{1,200}$/.test(name)) return answer(response, 400);
    if (request.method === "GET") return read(name, url.searchParams.get("revision"), response);
    const { text } = JSON.parse(await bodyOf(request)) as { text: string };
    write(name, text, request, response);
  });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
