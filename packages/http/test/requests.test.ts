import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { isSecretsError, type SecretsError } from "@keyhold/core";
import { type HttpClientOptions, type HttpRequest, httpClient } from "@keyhold/http";
import { callContext } from "@keyhold/testing";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import { answer, eventually, type RawServer, type Respond, rawServer } from "./servers.ts";

const runs = Math.min(2_000, Number(process.env.KEYHOLD_RUNS ?? 100));
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(respond: Respond): Promise<RawServer> {
  const server = await rawServer(respond);
  cleanups.push(() => server.close());
  return server;
}

function clientFor(server: RawServer, options: Partial<HttpClientOptions> = {}) {
  const client = httpClient({ baseUrl: server.url, ...options });
  cleanups.push(() => client.close());
  return client;
}

/** The text that the server saw for a request. */
async function seen(request: HttpRequest, options: Partial<HttpClientOptions> = {}): Promise<string> {
  const server = await serve((socket) => socket.write(answer("{}")));
  await clientFor(server, options).request(request, callContext());
  return server.requests[0] as string;
}

async function refusal(work: () => Promise<unknown> | unknown): Promise<SecretsError> {
  try {
    await work();
  } catch (error) {
    if (isSecretsError(error)) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a request", () => {
  it("goes to the base URL's origin and path, with its query encoded", async () => {
    const server = await serve((socket) => socket.write(answer("{}")));
    const client = clientFor(server, { baseUrl: `${server.url}/api/` });
    await client.request(
      { path: "/a%2Fb?x=1", query: { "k&": "v=&+ü '", list: ["1", "2"], none: undefined, n: 3 } },
      callContext(),
    );
    expect(server.requests[0]).toMatch(/^GET \/api\/a%2Fb\?x=1&k%26=v%3D%26%2B%C3%BC%20%27&list=1&list=2&n=3 HTTP\/1\.1\r\n/);
    expect(server.requests[0]).toContain(`host: localhost:${server.port}\r\n`);
  });

  it("sends text, bytes and JSON as its body, with their length in bytes", async () => {
    expect(await seen({ method: "POST", path: "/", body: "ü" })).toMatch(/content-length: 2\r\n.*\r\n\r\nÃ¼$/is);
    expect(await seen({ method: "PUT", path: "/", body: new Uint8Array([0, 255]) })).toMatch(/\r\n\r\n\0\xff$/);
    // Node leaves a DELETE's body without a length, which a server then takes for the start of the next request.
    expect(await seen({ method: "DELETE", path: "/", json: { version: 1 } })).toMatch(/content-length: 13\r\n/i);
    expect(await seen({ method: "POST", path: "/", json: { a: [1] } })).toMatch(
      /content-type: application\/json\r\n[\s\S]*\r\n\r\n\{"a":\[1\]\}$/,
    );
    expect(await seen({ method: "POST", path: "/" })).toMatch(/content-length: 0\r\n/i);
  });

  it("takes any query apart again as it was put together", async () => {
    const server = await serve((socket) => socket.write(answer("{}")));
    const client = clientFor(server);
    const text = fc.string({ unit: fc.constantFrom(..."ab01&=+%/?#;: '()*!~\\\"\u0000\r\nü€😀"), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 4 }), async (pairs) => {
        server.requests.length = 0;
        await client.request({ path: "/", query: Object.fromEntries(pairs) }, callContext());
        const target = (server.requests[0] as string).split(" ", 2)[1] as string;
        const query = target.split("?")[1] ?? "";
        const decoded = query === "" ? [] : query.split("&").map((pair) => pair.split("=").map(decodeURIComponent));
        expect(Object.fromEntries(decoded as [string, string][])).toEqual(Object.fromEntries(pairs));
      }),
      { numRuns: runs },
    );
  });

  const refused: Readonly<Record<string, HttpRequest>> = {
    "a path without a slash": { path: "canary" },
    "a path with a space": { path: "/canary a" },
    "a path with a line break": { path: "/canary\r\nx-injected: 1" },
    "a path that is not ASCII": { path: "/canarü" },
    "a path with a fragment": { path: "/canary#a" },
    "a path with a percent sign alone": { path: "/canary%a" },
    "a path that climbs": { path: "/canary/../b" },
    "a path that climbs in disguise": { path: "/canary/%2E%2e/b" },
    "a path that stands still": { path: "/canary/./b" },
    "a header value with a line break": { path: "/", headers: { "x-token": "canary\r\nx-injected: 1" } },
    "a header value with a final line break": { path: "/", headers: { "x-token": "canary\n" } },
    "a header value that is not ASCII": { path: "/", headers: { "x-token": "canary⟦secret⟧" } },
    "a header name with a colon": { path: "/", headers: { "x:canary": "1" } },
    "a header of the connection": { path: "/", headers: { "Transfer-Encoding": "canary" } },
    "another host": { path: "/", headers: { host: "canary.example" } },
    "a method that is none": { method: "GET /canary", path: "/" },
    "a tunnel": { method: "CONNECT", path: "/canary" },
    "JSON that is none": { method: "POST", path: "/", json: { canary: 1n } },
    "two bodies": { method: "POST", path: "/", json: "canary", body: "canary" },
    "a query with half a surrogate pair": { path: "/", query: { canary: "\ud800" } },
  };
  for (const [name, request] of Object.entries(refused)) {
    it(`with ${name} is refused before anything is sent, without repeating it`, async () => {
      const server = await serve((socket) => socket.write(answer("{}")));
      const error = await refusal(() => clientFor(server).request(request, callContext()));
      expect(error.code).toBe("invalid-argument");
      expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(/canar/);
      expect(server.connections()).toBe(0);
    });
  }
});

describe("a base URL", () => {
  const refused: Readonly<Record<string, string>> = {
    "is no URL": "canary",
    "has another scheme": "ftp://canary.example",
    "has a password": "https://user:canary@vault.internal",
    "has a query": "https://vault.internal/?canary",
    "is plain http to another machine": "http://canary.internal",
    "is plain http to a name below localhost, which DNS answers": "http://canary.localhost",
    "is plain http to an address that only looks like loopback": "http://127.0.0.1.canary.example",
  };
  for (const [name, baseUrl] of Object.entries(refused)) {
    it(`that ${name} is refused without repeating it`, async () => {
      const error = await refusal(() => httpClient({ baseUrl }));
      expect(error.code).toBe("invalid-argument");
      expect(error.hint).toBeDefined();
      expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain("canary");
    });
  }

  it("may be plain http to another machine where that is asked for", () => {
    expect(() => httpClient({ baseUrl: "http://vault.internal", allowPlainHttp: true })).not.toThrow();
  });
});

describe("an answer", () => {
  const body = JSON.stringify({ value: "ü".repeat(2_000) });
  const compressed: Readonly<Record<string, [string, Uint8Array]>> = {
    gzip: ["gzip", gzipSync(body)],
    "gzip by its old name": ["X-GZip", gzipSync(body)],
    deflate: ["deflate", deflateSync(body)],
    "deflate without its zlib header": ["deflate", deflateRawSync(body)],
    brotli: ["br", brotliCompressSync(body)],
    "no compression, named": ["identity", Buffer.from(body)],
  };
  for (const [name, [encoding, bytes]] of Object.entries(compressed)) {
    it(`with ${name} is read`, async () => {
      const server = await serve((socket) => socket.write(answer(bytes, { "content-encoding": encoding })));
      const response = await clientFor(server).request({ path: "/" }, callContext());
      expect(response.text()).toBe(body);
      expect(server.requests[0]).toContain("accept-encoding: gzip, deflate, br\r\n");
    });
  }

  it("keeps an encoding that the caller asked for and HTTP does not know", async () => {
    const server = await serve((socket) => socket.write(answer("aGk=", { "content-encoding": "base64" })));
    const response = await clientFor(server).request({ path: "/", headers: { "Accept-Encoding": "base64" } }, callContext());
    expect(server.requests[0]).toContain("accept-encoding: base64\r\n");
    expect([response.text(), response.header("Content-Encoding")]).toEqual(["aGk=", "base64"]);
  });

  it("comes after any number of interim ones", async () => {
    const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    const server = await serve((socket) => socket.write(Buffer.concat([Buffer.from(interim), answer("final")])));
    const response = await clientFor(server).request({ path: "/" }, callContext());
    expect([response.status, response.text()]).toEqual([200, "final"]);
  });

  it("to HEAD, with 204 and with 304 has no body, whatever its headers say", async () => {
    const heads = { HEAD: "200 OK", GET: "204 No Content", OPTIONS: "304 Not Modified" };
    for (const [method, status] of Object.entries(heads)) {
      const server = await serve((socket) => {
        const length = status.startsWith("204") ? "" : "content-length: 99000000\r\n";
        socket.write(`HTTP/1.1 ${status}\r\n${length}content-encoding: gzip\r\n\r\n`);
      });
      const response = await clientFor(server).request({ method, path: "/" }, callContext());
      expect([response.status, response.bytes().byteLength]).toEqual([Number(status.slice(0, 3)), 0]);
    }
  });

  it("may come slowly, in pieces and with trailers, as long as it comes by the deadline", async () => {
    const server = await serve((socket) => {
      const pieces = [
        "HTTP/1.1 200 O",
        "K\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r",
        "\nab\r\n1\r\nc\r\n",
        "0\r\nx-sum: 1\r\n\r\n",
      ];
      for (const [index, piece] of pieces.entries()) setTimeout(() => socket.write(piece), index * 30);
    });
    expect((await clientFor(server).request({ path: "/" }, callContext())).text()).toBe("abc");
  });

  it("of 10 MB is read whole where the limit allows it, over TLS", async () => {
    const { ca, cert, key } = await makeCertificates();
    const large = randomBytes(10_000_000);
    const server = createServer({ cert, key }, (_request, response) => response.end(large));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const baseUrl = `https://localhost:${(server.address() as AddressInfo).port}`;
    for (const [responseLimitBytes, outcome] of [[10_000_000, "read"] as const, [9_999_999, "decode"] as const]) {
      const client = httpClient({ baseUrl, tls: { ca }, responseLimitBytes });
      const read = await client.request({ path: "/" }, callContext({ deadlineMs: 20_000 })).then(
        (response) => (large.equals(response.bytes()) ? "read" : "changed"),
        (error: SecretsError) => error.code,
      );
      expect(read).toBe(outcome);
      client.close();
    }
  });

  it("keeps bytes and a byte order mark, which JSON alone may skip", async () => {
    const server = await serve((socket) => socket.write(answer("\uFEFF{}")));
    const response = await clientFor(server).request({ path: "/" }, callContext());
    expect([response.text(), response.json()]).toEqual(["\uFEFF{}", {}]);
    expect(response.bytes().buffer.byteLength).toBe(5);
  });

  it("shows its status and nothing else when it is printed, as does the client", async () => {
    const server = await serve((socket) =>
      socket.write(answer(`{"value":"canary"}`, { "x-token": "canary", "set-cookie": "canary" })),
    );
    const client = clientFor(server);
    const response = await client.request({ path: "/canary", headers: { "x-token": "canary" } }, callContext());
    expect(response.header("X-Token")).toBe("canary");
    const shown = [response, client].map(
      (value) => inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(value),
    );
    expect(shown.join("\n")).not.toContain("canary");
    expect(shown[0]).toContain("200");
  });

  it("has no prototype to pollute", async () => {
    const server = await serve((socket) => socket.write(answer(`{"__proto__":{"polluted":true}}`)));
    const json = (await clientFor(server).request({ path: "/" }, callContext())).json() as object;
    expect(Object.hasOwn(json, "__proto__")).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("a connection", () => {
  it("is kept for the next request", async () => {
    const server = await serve((socket) => socket.write(answer("{}")));
    const client = clientFor(server);
    for (let index = 0; index < 5; index++) await client.request({ path: "/" }, callContext());
    expect(server.connections()).toBe(1);
  });

  it("that went stale gives no failure: a repeatable request is sent once more, over a new one", async () => {
    // The server takes the second request of each connection and hangs up.
    const server = await serve((socket, _request, earlier) => (earlier === 0 ? socket.write(answer("{}")) : socket.destroy()));
    const client = clientFor(server);
    // Several are kept, so that the second try would find another stale one if it took what was kept.
    await Promise.all([1, 2, 3].map(() => client.request({ path: "/" }, callContext())));
    await client.request({ path: "/" }, callContext());
    expect(server.requests).toHaveLength(5);
    const post = await refusal(() => client.request({ method: "POST", path: "/" }, callContext()));
    expect(post.code).toBe("unavailable");
    await client.request({ method: "POST", path: "/" }, callContext());
    await client.request({ method: "POST", path: "/", repeatable: true }, callContext());
  });

  it("that is new and fails is not tried again", async () => {
    const server = await serve((socket) => socket.destroy());
    expect((await refusal(() => clientFor(server).request({ path: "/" }, callContext()))).code).toBe("unavailable");
    expect(server.requests).toHaveLength(1);
  });

  it("ends when the call is aborted, and when its deadline passes, and the server sees it", async () => {
    const server = await serve(() => {});
    const client = clientFor(server);
    const controller = new AbortController();
    const aborted = refusal(() => client.request({ path: "/" }, callContext({ signal: controller.signal })));
    await eventually(() => server.open() === 1);
    controller.abort(new Error("canary"));
    const error = await aborted;
    expect(error.code).toBe("aborted");
    expect(inspect(error, { showHidden: true })).not.toContain("canary");
    await eventually(() => server.open() === 0);
    expect((await refusal(() => client.request({ path: "/" }, callContext({ deadlineMs: 100 })))).code).toBe("timeout");
    await eventually(() => server.open() === 0);
  });

  it("is not made for a call that is already over", async () => {
    const server = await serve((socket) => socket.write(answer("{}")));
    const client = clientFor(server);
    const over = await refusal(() => client.request({ path: "/" }, callContext({ signal: AbortSignal.abort() })));
    const late = await refusal(() => client.request({ path: "/" }, callContext({ deadlineMs: 0 })));
    expect([over.code, late.code, server.connections()]).toEqual(["aborted", "timeout", 0]);
  });

  it("ends with the client, whose later calls are refused", async () => {
    const server = await serve((socket, request) => request.startsWith("GET /fast") && socket.write(answer("{}")));
    const client = clientFor(server);
    const pending = refusal(() => client.request({ path: "/slow" }, callContext()));
    await client.request({ path: "/fast" }, callContext());
    await eventually(() => server.open() === 2);
    client.close();
    client.close();
    expect((await pending).code).toBe("closed");
    expect((await refusal(() => client.request({ path: "/fast" }, callContext()))).code).toBe("closed");
    await eventually(() => server.open() === 0);
  });

  it("leaves no socket and no timer behind, however its calls ended", async () => {
    const count = () => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Timeout/.test(kind)).length;
    const before = count();
    const server = await rawServer((socket, request) => {
      if (request.startsWith("GET /ok")) socket.write(answer("{}"));
      if (request.startsWith("GET /cut")) socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
    });
    const client = httpClient({ baseUrl: server.url });
    const paths = Array.from({ length: 30 }, (_, index) => ["/ok", "/cut", "/hang"][index % 3] as string);
    const contextOf = (path: string) => callContext({ deadlineMs: path === "/hang" ? 300 : 60_000 });
    const outcomes = await Promise.allSettled(paths.map((path) => client.request({ path }, contextOf(path))));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    client.close();
    await server.close();
    await eventually(() => count() <= before);
  });

  it("leaves nothing at a signal that outlives it", async () => {
    const server = await serve((socket) => socket.write(answer("{}")));
    const client = clientFor(server);
    const { signal } = new AbortController();
    const context = { signal, deadlineAt: Number.POSITIVE_INFINITY, clock: callContext().clock };
    for (let index = 0; index < 3; index++) await client.request({ path: "/" }, context);
    await (await client.stream({ path: "/" }, context)).read();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("that is refused is unavailable and may be tried again", async () => {
    const server = await rawServer(() => {});
    await server.close();
    const error = await refusal(() => httpClient({ baseUrl: server.url }).request({ path: "/" }, callContext()));
    expect([error.code, error.retryable]).toEqual(["unavailable", true]);
    expect(error.message).toContain("refused");
  });
});
