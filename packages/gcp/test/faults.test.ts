import type { RequestListener } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type CallContext, createSecrets, type ErrorCode, type SecretsError } from "@keyhold/core";
import type { GcpOptions } from "@keyhold/gcp";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CertificateOptions, certificateAuthority } from "../../../test/servers/certificates.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import { googleToken } from "../../../test/servers/google/start-google.ts";
import { hung } from "../../../test/servers/hung.ts";
import { bareClient } from "./bare-client.ts";
import { bearer, type Google, startServers, transports } from "./servers.ts";

const value = "canary-value-8f3a61";
type Expected = Partial<SecretsError> & { readonly code: ErrorCode };

const status = (number: number, headers = {}): Fault => ({ kind: "status", status: number, headers });

/** Each fault, and what it must be: over each transport, or over each protocol its own. */
const faults: readonly (readonly [
  name: string,
  fault: Fault,
  expected: Expected | Readonly<Record<"gRPC" | "REST", Expected>>,
])[] = [
  ["400", status(400), { code: "invalid-argument", retryable: false }],
  ["401", status(401), { code: "unauthenticated", retryable: false }],
  ["403", status(403), { code: "permission-denied", retryable: false }],
  ["404", status(404), { code: "not-found", retryable: false }],
  ["409", status(409), { code: "conflict", retryable: false }],
  [
    "429 with Retry-After",
    status(429, { "retry-after": "7" }),
    // Over gRPC there is no such header.
    { gRPC: { code: "rate-limited", retryable: true }, REST: { code: "rate-limited", retryable: true, retryAfterMs: 7_000 } },
  ],
  ["499", status(499), { code: "unknown" }],
  ["500", status(500), { code: "unavailable", retryable: true }],
  ["501", status(501), { code: "unsupported", retryable: false }],
  ["503", status(503), { code: "unavailable", retryable: true }],
  ["504", status(504), { code: "timeout", retryable: true }],
  ["a 502 that is a web page", { kind: "status", status: 502, body: `<p>${value}` }, { code: "unavailable", retryable: true }],
  ["a reset in the middle of the answer", { kind: "reset" }, { code: "unavailable", retryable: true }],
  ["a web page with 200", { kind: "html" }, { gRPC: { code: "unavailable" }, REST: { code: "decode" } }],
  ["invalid JSON", { kind: "invalid-json" }, { gRPC: { code: "unavailable" }, REST: { code: "decode" } }],
  ["a value that does not fit its checksum", { kind: "wrong-crc" }, { code: "unavailable", retryable: true }],
  ["an answer of 10 MB", { kind: "large" }, { code: "decode", retryable: false }],
];

describe.each(transports)("over %s", (transport) => {
  let google: Google;
  beforeAll(async () => {
    google = await startServers(transport);
    google.server.seed("faulty", value);
  });
  afterAll(async () => {
    await google.close();
    expect(google.server.violations).toEqual([]);
  });

  /** What both the driver and the client fail with. */
  async function failures(options: GcpOptions, before: () => unknown = () => {}): Promise<unknown[]> {
    const provider = google.create(options);
    const secrets = createSecrets({ providers: { gcp: provider }, retry: false });
    const errors: unknown[] = [];
    for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("gcp://faulty")]) {
      await before();
      errors.push(
        await call().then(
          () => "it succeeded",
          (error: unknown) => error,
        ),
      );
    }
    await secrets.close();
    return errors;
  }

  it.each(faults)(
    "%s is told by its code, from the driver and from the client, and shows no secret",
    async (_name, fault, expected) => {
      const wanted = "code" in expected ? expected : expected[transport === "gRPC" ? "gRPC" : "REST"];
      for (const error of await failures({}, () => google.server.faults.next(fault))) {
        expect(error).toMatchObject(wanted);
        expect(findLeak(error, [value, google.token])).toBeUndefined();
      }
      expect(google.server.faults.pending).toBe(0);
    },
  );

  it("a call that hangs ends at its deadline or when it is aborted, and close ends its socket", async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    const before = sockets();
    const provider = google.create();
    await provider.read({ path: "faulty" }, callContext());
    const { faults } = google.server;
    const outcome = await hung(faults, (context) => provider.read({ path: "faulty" }, context));
    expect(outcome).toMatchObject({ code: "timeout" });
    faults.next({ kind: "hang" });
    const leaving = new AbortController();
    const aborted = expect(provider.read({ path: "faulty" }, callContext({ signal: leaving.signal }))).rejects.toMatchObject({
      code: "aborted",
    });
    await expect.poll(() => faults.pending).toBe(0);
    leaving.abort();
    await aborted;
    await provider.read({ path: "faulty" }, callContext());
    await provider.close?.();
    await expect.poll(sockets).toBeLessThanOrEqual(before);
  });

  it("a call that was ended before it began sends nothing", async () => {
    const provider = google.create();
    const sent = () => google.server.requests.length + google.server.calls.length;
    const before = sent();
    const ended: CallContext[] = [callContext({ deadlineMs: 0 }), callContext({ signal: AbortSignal.abort() })];
    for (const context of ended) await expect(provider.read({ path: "faulty" }, context)).rejects.toBeInstanceOf(Error);
    await provider.close?.();
    expect(sent()).toBe(before);
  });

  it("a token that is refused and then a good one: the next call succeeds", async () => {
    let token = await googleToken(google.tokens, undefined, { exp: 1 });
    const secrets = createSecrets({
      providers: {
        gcp: google.create({ credentials: { getRequestHeaders: async () => [["authorization", `Bearer ${token}`]] } }),
      },
    });
    await expect(secrets.get("gcp://faulty")).rejects.toMatchObject({ code: "unauthenticated" });
    token = google.token;
    expect((await secrets.get("gcp://faulty", { fresh: true })).text()).toBe(value);
    await secrets.close();
  });

  it.each<[string, CertificateOptions & { readonly foreign?: boolean }]>([
    ["has expired", { expired: true }],
    ["is for another host", { hosts: ["secretmanager.example"] }],
    ["comes from an unknown authority", { foreign: true }],
  ])("a server whose certificate %s gets no request", async (_name, { foreign, ...options }) => {
    const authority = await certificateAuthority();
    const certificates = await authority.issue(options);
    const server = await startServers(transport, { tls: certificates });
    const ca = foreign ? (await certificateAuthority()).ca : authority.ca;
    const provider = server.create({ tls: { ca } });
    const secrets = createSecrets({ providers: { gcp: provider }, retry: false });
    for (const call of [() => provider.read({ path: "x" }, callContext()), () => secrets.get("gcp://x")]) {
      await expect(call()).rejects.toMatchObject({
        code: "unavailable",
        retryable: false,
        message: expect.stringMatching(/certificate/),
      });
    }
    expect(server.server.requests.length + server.server.calls.length).toBe(0);
    await secrets.close();
    await server.close();
  });

  it("nobody listening is unavailable", async () => {
    for (const error of await failures({ apiEndpoint: "127.0.0.1:1" })) {
      expect(error).toMatchObject({ code: "unavailable", retryable: true, message: expect.stringMatching(/refused/) });
    }
  });

  it("a redirect to another host is followed by no request, and takes no credential there", async () => {
    const other = await impostor((_request, response) => response.end("{}"));
    const redirecting = await impostor((_request, response) => {
      response.writeHead(307, { location: `https://127.0.0.1:${other.port}/` }).end();
    });
    const options = { apiEndpoint: `127.0.0.1:${redirecting.port}`, tls: { ca: [redirecting.ca, other.ca] } };
    for (const error of await failures(options)) {
      expect(error).toMatchObject({ code: "unavailable", retryable: false, hint: expect.any(String) });
    }
    expect(redirecting.requests()).toBe(2);
    expect(other.requests()).toBe(0);
    await redirecting.close();
    await other.close();
  });

  it("a web page from a real server that is not Google's is decode", async () => {
    const portal = await impostor((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end(`<!DOCTYPE html><p>${value}</p>`);
    });
    for (const error of await failures({ apiEndpoint: `127.0.0.1:${portal.port}`, tls: { ca: portal.ca } })) {
      expect(error).toMatchObject({ code: "decode", hint: expect.any(String) });
      expect(findLeak(error, [value])).toBeUndefined();
    }
    await portal.close();
  });

  it("JSON that is no object is decode too, and does not hang the call", async () => {
    const other = await impostor((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(`["${value}"]`);
    });
    for (const error of await failures({ apiEndpoint: `127.0.0.1:${other.port}`, tls: { ca: other.ca } })) {
      expect(error).toMatchObject({ code: "decode", hint: expect.any(String) });
      expect(findLeak(error, [value])).toBeUndefined();
    }
    await other.close();
  });

  it("credentials that fail are unauthenticated, and what they failed with is not shown", async () => {
    const broken: GcpOptions["credentials"][] = [
      { getRequestHeaders: () => Promise.reject(new Error(value)) },
      { getRequestHeaders: async () => ({ authorization: `Bearer ${value}\n` }) },
    ];
    for (const credentials of broken) {
      for (const error of await failures({ credentials: credentials! })) {
        expect(error).toMatchObject({ code: "unauthenticated", hint: expect.any(String) });
        expect(findLeak(error, [value])).toBeUndefined();
      }
    }
  });

  it("a token service that cannot be reached is unavailable", async () => {
    const refused = Object.assign(new Error(value), { cause: { code: "ECONNREFUSED" } });
    for (const error of await failures({ credentials: { getRequestHeaders: () => Promise.reject(refused) } })) {
      expect(error).toMatchObject({ code: "unavailable", retryable: true });
    }
    const busy = Object.assign(new Error(value), { status: 503 });
    for (const error of await failures({ credentials: { getRequestHeaders: () => Promise.reject(busy) } })) {
      expect(error).toMatchObject({ code: "unavailable", retryable: true });
    }
  });

  it("credentials that hang end with the call", async () => {
    const provider = google.create({ credentials: { getRequestHeaders: () => new Promise(() => {}) } });
    await expect(provider.read({ path: "faulty" }, callContext({ deadlineMs: 200 }))).rejects.toMatchObject({ code: "timeout" });
    await provider.close?.();
  });

  /** A server that speaks the transport's HTTP and is not Google's. */
  async function impostor(listener: RequestListener) {
    const authority = await certificateAuthority();
    const { cert, key } = await authority.issue();
    let count = 0;
    const counted = ((request, response) => {
      count += 1;
      listener(request, response);
    }) as RequestListener;
    const server =
      transport === "gRPC" ? createSecureServer({ cert, key }, counted as never) : createServer({ cert, key }, counted);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
      ca: authority.ca,
      port: (server.address() as AddressInfo).port,
      requests: () => count,
      close: () => new Promise((resolve) => server.close(resolve)),
    };
  }
});

it("control: the bare SDK gives a value whose checksum is wrong, and follows a redirect to another host", async () => {
  const tls = await (await certificateAuthority()).issue();
  const google = await startServers("REST", { tls });
  google.server.seed("faulty", value);
  const other = await startServers("REST", { tls });
  const { ca, port, faults: plan } = google.server;
  const bare = bareClient({ transport: "REST", port, ca, token: google.token, timeoutMs: 2_000 });
  plan.next({ kind: "wrong-crc" });
  const spoilt = Buffer.from(await bare.read("faulty")).toString() === value;
  plan.next({ kind: "redirect", location: `${other.server.url}/v1/elsewhere` });
  await bare.read("faulty").catch(() => {});
  const followed = other.server.requests.length;
  console.log(
    `gcp, control: the bare SDK gave ${spoilt ? 1 : 0} spoilt value and sent ${followed} requests to the redirect's host`,
  );
  expect(spoilt).toBe(true);
  expect(followed).toBeGreaterThan(0);
  await bare.close();
  await google.close();
  await other.close();
});

it("gRPC to a server that speaks HTTP/1.1 only is unavailable, and the hint says so", async () => {
  const google = await startServers("REST");
  const provider = google.create({ fallback: false });
  await expect(provider.read({ path: "x" }, callContext())).rejects.toMatchObject({ code: "unavailable", retryable: false });
  await provider.close?.();
  await google.close();
});

it("an unusual token is told apart from its holder's rights", async () => {
  const google = await startServers("gRPC");
  const narrow = google.create({ credentials: bearer(await googleToken(google.tokens, undefined, { scope: "openid" })) });
  await expect(narrow.read({ path: "x" }, callContext())).rejects.toMatchObject({ code: "permission-denied" });
  await narrow.close?.();
  await google.close();
});
