import type { Socket } from "node:net";
import { inspect } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type ErrorCode, SecretsError } from "@keyhold/core";
import { httpClient } from "@keyhold/http";
import { callContext } from "@keyhold/testing";
import { afterAll, describe, expect, it } from "vitest";
import { answer, eventually, type RawServer, rawServer } from "./servers.ts";

const canary = {
  token: "canary-token-5f1c",
  query: "canary-query-92ab",
  body: "canary-body-77d0",
  answer: "canary-answer-c3e4",
  header: "canary-header-18fe",
};
const limitBytes = 64 * 1024;

const document = JSON.stringify({ value: canary.answer, and: "something after it" });
const withHeader = { "x-answer": canary.header };
const stalledHead = `HTTP/1.1 200 OK\r\ncontent-length: ${document.length}\r\nx-answer: ${canary.header}\r\n\r\n${document.slice(0, 30)}`;
const bomb = JSON.stringify(" ".repeat(4 * 1024 * 1024));
const gzipBomb = gzipSync(bomb);
const brotliBomb = brotliCompressSync(bomb, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

interface Fault {
  readonly respond: (socket: Socket) => void;
  readonly code: ErrorCode;
}

/** Short where the server hangs; elsewhere only a busy machine needs it. */
const deadlineOf = ({ code }: Fault): number => (code === "timeout" ? 400 : 60_000);

const drip = (socket: Socket) => {
  socket.write(stalledHead.slice(0, -30));
  const timer = setInterval(() => socket.write("x"), 60);
  socket.on("close", () => clearInterval(timer));
};

const faults: Readonly<Record<string, Fault>> = {
  "never answers": { respond: () => {}, code: "timeout" },
  "stalls in the head": { respond: (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-le"), code: "timeout" },
  "stalls in the body": { respond: (socket) => socket.write(stalledHead), code: "timeout" },
  "sends a byte now and then": { respond: drip, code: "timeout" },
  "closes without an answer": { respond: (socket) => socket.end(), code: "unavailable" },
  "resets without an answer": { respond: (socket) => socket.resetAndDestroy(), code: "unavailable" },
  "cuts a body with a length": { respond: (socket) => socket.end(stalledHead), code: "unavailable" },
  "cuts a body in a chunk": { respond: (socket) => socket.end(`${chunked}ff\r\n${document}`), code: "unavailable" },
  "cuts a body between chunks": { respond: (socket) => socket.end(chunked + chunk(document)), code: "unavailable" },
  "resets in the body": {
    respond: (socket) => socket.write(stalledHead, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    code: "unavailable",
  },
  "sends a body without a length": { respond: (socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${document}`), code: "unavailable" },
  "sends a chunk size that is none": { respond: (socket) => socket.end(`${chunked}zz\r\n${document}\r\n`), code: "unavailable" },
  "sends a chunk longer than its size": {
    respond: (socket) => socket.end(`${chunked}3\r\n${document}\r\n0\r\n\r\n`),
    code: "unavailable",
  },
  "sends two lengths": {
    respond: (socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n${document}`),
    code: "unavailable",
  },
  "speaks another protocol": { respond: (socket) => socket.end("SSH-2.0-OpenSSH_9.9\r\n"), code: "unavailable" },
  "upgrades the connection": {
    respond: (socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    code: "unavailable",
  },
  "sends an endless head": {
    respond: (socket) => socket.end(`HTTP/1.1 200 OK\r\n${`x-a: ${canary.header.repeat(50)}\r\n`.repeat(40)}\r\n`),
    code: "unavailable",
  },
  "announces too large a body": {
    respond: (socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${limitBytes + 1}\r\n\r\n${document}`),
    code: "decode",
  },
  "sends too large a body in chunks": {
    respond: (socket) => socket.write(chunked + chunk(JSON.stringify(canary.answer.repeat(limitBytes / 10)))),
    code: "decode",
  },
  "sends a gzip bomb": {
    respond: (socket) => socket.end(answer(gzipBomb, { "content-encoding": "gzip" })),
    code: "decode",
  },
  "sends a brotli bomb": {
    respond: (socket) => socket.end(answer(brotliBomb, { "content-encoding": "br" })),
    code: "decode",
  },
  "sends no gzip as gzip": { respond: (socket) => socket.end(answer(document, { "content-encoding": "gzip" })), code: "decode" },
  "sends half a gzip": {
    respond: (socket) => socket.end(answer(gzipSync(document).subarray(0, -9), { "content-encoding": "gzip" })),
    code: "decode",
  },
  "sends an encoding that nobody asked for": {
    respond: (socket) => socket.end(answer(document, { "content-encoding": "zstd" })),
    code: "decode",
  },
  "sends a web page": {
    respond: (socket) => socket.end(answer(`<html>${canary.answer}</html>`, { ...withHeader, "content-type": "text/html" })),
    code: "decode",
  },
  "sends a value that is no JSON": { respond: (socket) => socket.end(answer(canary.answer)), code: "decode" },
  "sends half a JSON document": { respond: (socket) => socket.end(answer(document.slice(0, -2))), code: "decode" },
  "sends nothing": { respond: (socket) => socket.end(answer("")), code: "decode" },
  "sends what is no UTF-8": { respond: (socket) => socket.end(answer(Buffer.from([0x22, 0xff, 0x22]))), code: "decode" },
};

/** Everything that a logger could print of an error. */
const printed = (error: unknown): string =>
  [
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true, customInspect: false }),
    inspect(error),
    JSON.stringify(error),
    String(error),
    (error as Error).stack,
  ].join("\n");

const leaked = (error: unknown): string[] => Object.values(canary).filter((text) => printed(error).includes(text));

interface Outcome {
  readonly error: unknown;
  readonly elapsedMs: number;
}

type Ask = (url: string, deadlineMs: number) => Promise<unknown>;

/** What our client does with a fault. */
const ask: Ask = async (url, deadlineMs) => {
  const client = httpClient({ baseUrl: url, responseLimitBytes: limitBytes });
  try {
    const response = await client.request(
      { method: "POST", path: "/v1/read", query: { key: canary.query }, headers: { "x-token": canary.token }, body: canary.body },
      callContext({ deadlineMs }),
    );
    return response.json();
  } finally {
    client.close();
  }
};

/** What most people write. */
const askByFetch: Ask = async (url, deadlineMs) => {
  const response = await fetch(`${url}/v1/read?key=${canary.query}`, {
    method: "POST",
    headers: { "x-token": canary.token },
    body: canary.body,
    signal: AbortSignal.timeout(deadlineMs),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
};

async function outcome(run: Ask, url: string, deadlineMs: number): Promise<Outcome> {
  const startedAt = performance.now();
  const error = await run(url, deadlineMs).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { error, elapsedMs: performance.now() - startedAt };
}

const servers: RawServer[] = [];
const serve = async (fault: Fault) => {
  const server = await rawServer(fault.respond);
  servers.push(server);
  return server;
};
afterAll(() => Promise.all(servers.map((server) => server.close())));

describe("a server that", () => {
  for (const [name, fault] of Object.entries(faults)) {
    it.concurrent(`${name} gives ${fault.code}, by the deadline, with nothing of the exchange in it and no socket left`, async () => {
      const server = await serve(fault);
      const { error, elapsedMs } = await outcome(ask, server.url, deadlineOf(fault));
      expect(error).toBeInstanceOf(SecretsError);
      expect((error as SecretsError).code).toBe(fault.code);
      expect((error as SecretsError).hint ?? "").not.toContain("undefined");
      expect(leaked(error)).toEqual([]);
      // Far above what it takes, as the machine may be busy; a call without a deadline would never end.
      expect(elapsedMs).toBeLessThan(deadlineOf(fault) + 30_000);
      // On a busy machine the deadline may come before the request has.
      if (fault.code === "timeout") expect(server.requests.length).toBeLessThanOrEqual(1);
      else expect(server.requests).toHaveLength(1);
      await eventually(() => server.open() === 0);
    });
  }

  it("would get past a plain fetch, the control", async () => {
    const verdicts = Object.entries(faults).map(async ([name, fault]) => {
      const server = await serve(fault);
      const { error } = await outcome(askByFetch, server.url, 3_000);
      return error === undefined ? `${name}: accepted` : leaked(error).length > 0 ? `${name}: quoted` : undefined;
    });
    const failures = (await Promise.all(verdicts)).filter((verdict) => verdict !== undefined);
    console.log(
      `${Object.keys(faults).length} faults: @keyhold/http passes all, fetch fails ${failures.length}: ${failures.join("; ")}`,
    );
    expect(failures.length).toBeGreaterThan(0);
  });
});
