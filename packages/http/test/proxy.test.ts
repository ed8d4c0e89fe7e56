import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { inspect } from "node:util";
import { isSecretsError, type SecretsError } from "@keyhold/core";
import { type HttpClientOptions, httpClient } from "@keyhold/http";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../../../test/servers/certificates.ts";
import { parseOrigin } from "../src/origin.ts";
import { proxyFromEnvironment } from "../src/proxy-environment.ts";
import { answer, eventually, rawServer } from "./servers.ts";

const token = "canary-token-5f1c";
// No such name exists, so only the proxy can reach it.
const origin = "https://vault.keyhold.invalid:8200";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await makeCertificates({ hosts: ["vault.keyhold.invalid"] });
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function backend() {
  const server = await rawServer((socket) => socket.write(answer("{}")), { tls: certificates });
  cleanups.push(() => server.close());
  return server;
}

/** A proxy that connects everybody to `port`, or answers with `status`. It keeps what it was sent in the clear. */
async function proxy({ port = 0, status = "200 OK", tls }: { port?: number; status?: string; tls?: Certificates }) {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    let head = "";
    const read = (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", read);
      requests.push(head);
      if (status === "") return;
      socket.write(`HTTP/1.1 ${status}\r\n\r\n`);
      if (!status.startsWith("2")) return;
      const upstream = connect(port, "127.0.0.1");
      upstream.on("error", () => {});
      socket.on("close", () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    };
    socket.on("data", read);
  };
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, requests, open: () => sockets.size };
}

function through(url: string, options: Partial<HttpClientOptions> = {}) {
  const client = httpClient({ baseUrl: origin, tls: { ca: certificates.ca }, proxy: new URL(url), ...options });
  cleanups.push(() => client.close());
  return client;
}

const ask = (client: ReturnType<typeof httpClient>, deadlineMs = 10_000) =>
  client.request({ path: "/v1/read", headers: { "x-token": token } }, callContext({ deadlineMs }));

async function failure(work: Promise<unknown>): Promise<SecretsError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (isSecretsError(error)) return error;
  throw new Error(`no SecretsError: ${inspect(error)}`);
}

describe("a proxy", () => {
  it("opens a tunnel that it cannot look into, kept for the next request", async () => {
    const server = await backend();
    const { port, requests } = await proxy({ port: server.port });
    const client = through(`http://127.0.0.1:${port}`);
    for (let index = 0; index < 3; index++) expect((await ask(client)).status).toBe(200);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatch(/^CONNECT vault\.keyhold\.invalid:8200 HTTP\/1\.1\r\nhost: vault\.keyhold\.invalid:8200\r\n/i);
    expect(requests[0]).not.toContain(token);
    expect(server.requests[0]).toContain(`x-token: ${token}`);
  });

  it("gets its user and password, which the server behind it does not", async () => {
    const server = await backend();
    const { port, requests } = await proxy({ port: server.port });
    await ask(through(`http://us%40er:p%3Aw@127.0.0.1:${port}`));
    expect(requests[0]).toContain(`proxy-authorization: Basic ${Buffer.from("us@er:p:w").toString("base64")}\r\n`);
    expect(server.requests[0]?.toLowerCase()).not.toContain("proxy-");
  });

  it("does not weaken the check of the server's certificate", async () => {
    const server = await backend();
    const { port } = await proxy({ port: server.port });
    const other = await failure(ask(through(`http://127.0.0.1:${port}`, { baseUrl: "https://other.keyhold.invalid" })));
    expect([other.code, other.retryable]).toEqual(["unavailable", false]);
    expect(other.message).toContain("another host name");
    const untrusted = await failure(ask(through(`http://127.0.0.1:${port}`, { tls: {} })));
    expect(untrusted.message).toContain("not trusted");
  });

  it("over TLS must show a certificate that this machine trusts", async () => {
    const { port, requests } = await proxy({ tls: await makeCertificates() });
    const error = await failure(ask(through(`https://user:canary@localhost:${port}`)));
    expect([error.code, error.retryable]).toEqual(["unavailable", false]);
    expect(error.message).toContain("not trusted");
    expect(requests).toEqual([]);
  });

  it("that refuses is unavailable, and never looks like the server's refusal of the credential", async () => {
    for (const [status, retryable] of [
      ["407 Proxy Authentication Required", false],
      ["403 Forbidden", false],
      ["502 Bad Gateway", true],
    ] as const) {
      const { port } = await proxy({ status });
      const error = await failure(ask(through(`http://user:canary@127.0.0.1:${port}`)));
      expect([error.code, error.retryable]).toEqual(["unavailable", retryable]);
      expect(error.message).toContain(status.slice(0, 3));
      expect(error.hint).toContain("NO_PROXY");
      expect(inspect(error, { showHidden: true })).not.toContain("canary");
    }
  });

  it("that hangs or is not there ends with the call", async () => {
    const hanging = await proxy({ status: "" });
    expect((await failure(ask(through(`http://127.0.0.1:${hanging.port}`), 200))).code).toBe("timeout");
    await eventually(() => hanging.open() === 0);
    const gone = await rawServer(() => {});
    await gone.close();
    const error = await failure(ask(through(`http://127.0.0.1:${gone.port}`)));
    expect([error.code, error.retryable]).toEqual(["unavailable", true]);
    expect(error.message).toContain("proxy");
  });

  it("is taken from the environment, and left out for loopback and for what NO_PROXY names", async () => {
    const server = await backend();
    const { port, requests } = await proxy({ port: server.port });
    const before = { ...process.env };
    Object.assign(process.env, { https_proxy: `127.0.0.1:${port}`, no_proxy: "elsewhere.invalid" });
    try {
      const client = httpClient({ baseUrl: origin, tls: { ca: certificates.ca } });
      cleanups.push(() => client.close());
      expect((await ask(client)).status).toBe(200);
      expect(requests).toHaveLength(1);
      const own = httpClient({ baseUrl: server.url, tls: { ca: certificates.ca, servername: "vault.keyhold.invalid" } });
      cleanups.push(() => own.close());
      expect((await ask(own)).status).toBe(200);
      expect(requests).toHaveLength(1);
    } finally {
      process.env = before;
    }
  });
});

describe("the environment", () => {
  const chosen = (url: string, environment: Record<string, string>) =>
    proxyFromEnvironment(parseOrigin(url, true), environment)?.href;
  const one = { HTTPS_PROXY: "http://proxy.corp:3128" };

  it("names the proxy for https alone, the lower case first", () => {
    expect(chosen("https://vault.internal", one)).toBe("http://proxy.corp:3128/");
    expect(chosen("https://vault.internal", { ...one, https_proxy: "https://other.corp" })).toBe("https://other.corp/");
    expect(chosen("https://vault.internal", { https_proxy: "proxy.corp:3128" })).toBe("http://proxy.corp:3128/");
    expect(
      chosen("http://vault.internal", { ...one, HTTP_PROXY: "http://proxy.corp", ALL_PROXY: "http://proxy.corp" }),
    ).toBeUndefined();
    expect(chosen("https://vault.internal", { HTTPS_PROXY: "" })).toBeUndefined();
  });

  it("never sends loopback through a proxy", () => {
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) expect(chosen(`https://${host}`, one)).toBeUndefined();
  });

  const exceptions: readonly (readonly [noProxy: string, url: string, direct: boolean])[] = [
    ["*", "https://vault.internal", true],
    ["vault.internal", "https://vault.internal", true],
    ["VAULT.internal", "https://vault.INTERNAL", true],
    ["internal", "https://vault.internal", true],
    ["ternal", "https://vault.internal", false],
    [".internal", "https://vault.internal", true],
    [".internal", "https://internal", false],
    ["*.internal", "https://a.vault.internal", true],
    ["vault.internal:8200", "https://vault.internal:8200", true],
    ["vault.internal:8200", "https://vault.internal", false],
    ["vault.internal:443", "https://vault.internal", true],
    ["a.corp, b.corp\tvault.internal", "https://vault.internal", true],
    ["", "https://vault.internal", false],
    [",,", "https://vault.internal", false],
    ["10.1.2.3", "https://10.1.2.3", true],
    ["10.1.2.3", "https://10.1.2.30", false],
    ["10.1.2.3:6443", "https://10.1.2.3:6443", true],
    ["10.0.0.0/8", "https://10.200.0.1", true],
    ["10.0.0.0/8", "https://11.0.0.1", false],
    ["10.0.0.0/99", "https://10.0.0.1", false],
    ["10.0.0.0/", "https://10.0.0.1", false],
    ["10.0.0.0/8", "https://vault.internal", false],
    ["fd00::1", "https://[fd00::1]", true],
    ["[fd00:0::1]:6443", "https://[fd00::1]:6443", true],
    ["[fd00::1]:6443", "https://[fd00::1]", false],
    ["fd00::/8", "https://[fd12::1]", true],
    ["fd00::/8", "https://10.0.0.1", false],
  ];
  for (const [noProxy, url, direct] of exceptions) {
    it(`with NO_PROXY=${JSON.stringify(noProxy)} reaches ${url} ${direct ? "directly" : "by the proxy"}`, () => {
      expect(chosen(url, { ...one, NO_PROXY: noProxy })).toBe(direct ? undefined : "http://proxy.corp:3128/");
    });
  }

  it("with a proxy that is no http URL is refused without repeating it", () => {
    for (const text of ["socks5://user:canary@proxy.corp", "http://canary:x", "://canary"]) {
      expect(() => chosen("https://vault.internal", { https_proxy: text })).toThrow(
        expect.objectContaining({ code: "invalid-argument", message: expect.not.stringContaining("canary") }),
      );
    }
  });
});
