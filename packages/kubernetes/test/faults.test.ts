import type { ServerResponse } from "node:http";
import { createSecrets, isSecretsError, type SecretsError } from "@keyhold/core";
import { kubernetes } from "@keyhold/kubernetes";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateAuthority } from "../../../test/servers/certificates.ts";
import { type Answering, type StandIn, secretBody, sendJson, sendStatus, startStandIn } from "./stand-in.ts";

const value = "canary-value-8f3a61";
const token = "canary-token-5d20b7";
let server: StandIn;
let elsewhere: StandIn;

beforeAll(async () => {
  [server, elsewhere] = await Promise.all([startStandIn(), startStandIn()]);
});
afterAll(async () => {
  await Promise.all([server.close(), elsewhere.close()]);
});

const open = (own: Pick<StandIn, "url" | "ca"> = server) => kubernetes({ server: own.url, tls: { ca: own.ca }, token });
const good: Answering = (_asked, response) => sendJson(response, 200, secretBody("faulty", { key: value }));
const failure =
  (code: number, reason: string, details: object = {}, headers: object = {}): Answering =>
  (_asked, response) =>
    sendStatus(response, code, reason, { message: `secrets "faulty": ${value}`, details }, headers);
const text = (status: number, type: string, body: string) => (_asked: unknown, response: ServerResponse) =>
  response.writeHead(status, { "content-type": type }).end(body);

const invalid = { causes: [{ reason: "FieldValueInvalid", field: "metadata.labels" }] };
const immutable = { causes: [{ reason: "FieldValueForbidden", field: "data" }] };

const faults: readonly (readonly [name: string, answer: Answering, code: string, more?: Partial<SecretsError>])[] = [
  ["401", failure(401, "Unauthorized"), "unauthenticated", { retryable: false }],
  ["403", failure(403, "Forbidden"), "permission-denied"],
  ["403 in a namespace that goes", failure(403, "Forbidden", { causes: [{ reason: "NamespaceTerminating" }] }), "conflict"],
  ["404", failure(404, "NotFound"), "not-found"],
  ["404 of the namespace", failure(404, "NotFound", { kind: "namespaces" }), "not-found"],
  ["405", failure(405, "MethodNotAllowed"), "unsupported"],
  ["406", failure(406, "NotAcceptable"), "unsupported"],
  ["409 AlreadyExists", failure(409, "AlreadyExists"), "conflict"],
  ["409 Conflict", failure(409, "Conflict"), "conflict"],
  ["410", failure(410, "Expired"), "invalid-argument"],
  ["413", failure(413, "RequestEntityTooLarge"), "invalid-argument"],
  ["422", failure(422, "Invalid", invalid), "invalid-argument"],
  ["422 of an immutable secret", failure(422, "Invalid", immutable), "conflict"],
  ["429 with Retry-After", failure(429, "TooManyRequests", {}, { "retry-after": "7" }), "rate-limited", { retryAfterMs: 7_000 }],
  [
    "429 with a wait in its body",
    failure(429, "TooManyRequests", { retryAfterSeconds: 3 }),
    "rate-limited",
    { retryAfterMs: 3_000 },
  ],
  ["500", failure(500, "InternalError"), "unavailable", { retryable: true }],
  ["500 ServerTimeout", failure(500, "ServerTimeout", { retryAfterSeconds: 1 }), "unavailable", { retryAfterMs: 1_000 }],
  ["503 without a word", text(503, "text/plain", ""), "unavailable", { retryable: true }],
  ["504 of the API server", failure(504, "Timeout"), "timeout", { retryable: true }],
  ["504 of a gateway", text(504, "text/html", `<html>${value}</html>`), "unavailable", { retryable: true }],
  ["a reason that is not known", failure(418, "constructor"), "unknown"],
  ["a web page with 200", text(200, "text/html", `<html>${value}</html>`), "decode"],
  ["invalid JSON", text(200, "application/json", `{"data":{"key":"${value}"`), "decode"],
  ["JSON that is no Secret", text(200, "application/json", `["${value}"]`), "decode"],
  ["a Secret without a version", text(200, "application/json", '{"metadata":{},"data":{"key":"eA=="}}'), "decode"],
  [
    "a Secret with data that is no base64",
    text(200, "application/json", `{"metadata":{"resourceVersion":"1"},"data":{"key":5}}`),
    "decode",
  ],
  [
    "a reset in the middle of the answer",
    (_asked, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write(`{"data":{"key":"${value}`, () => response.socket?.destroy());
    },
    "unavailable",
    { retryable: true },
  ],
  ["10 MB", text(200, "application/json", JSON.stringify({ data: { key: value.repeat(600_000) } })), "decode"],
];

describe.each(faults.map(([name, answer, code, more = {}]) => ({ name, answer, code, more })))(
  "$name",
  ({ answer, code, more }) => {
    it(`is ${code} from the driver and from the client, and says nothing it should not`, async () => {
      const provider = open();
      const secrets = createSecrets({ providers: { kubernetes: provider }, retry: false });
      server.answer(answer);
      for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("kubernetes://faulty")]) {
        const error = await call().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code, ...more });
        expect(findLeak(error, [value, token])).toBeUndefined();
      }
      await secrets.close();
    });
  },
);

describe("a fault of the connection", () => {
  it("that hangs ends at the deadline, and its socket with it", async () => {
    const provider = open();
    server.answer(() => {});
    const startedAt = performance.now();
    await expect(provider.read({ path: "faulty" }, callContext({ deadlineMs: 200 }))).rejects.toMatchObject({ code: "timeout" });
    console.log(`kubernetes: a hang ended ${(performance.now() - startedAt - 200).toFixed(0)} ms after its deadline`);
    await expect.poll(() => server.sockets).toBe(0);
    await provider.close?.();
  });

  it("that redirects is followed by no request", async () => {
    const provider = open();
    server.answer((_asked, response) => response.writeHead(302, { location: `${elsewhere.url}/${value}` }).end());
    const error = await provider.read({ path: "faulty" }, callContext()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unavailable", retryable: false });
    expect(findLeak(error, [value, token])).toBeUndefined();
    expect(elsewhere.asked).toEqual([]);
    await provider.close?.();
  });

  it.each([
    ["expired", { expired: true }],
    ["for another host", { hosts: ["kubernetes.example"] }],
  ])("with a certificate that is %s is unavailable, and no request is sent", async (_name, options) => {
    const wrong = await startStandIn({ tls: await (await certificateAuthority()).issue(options), answer: good });
    const provider = open(wrong);
    await expect(provider.read({ path: "faulty" }, callContext())).rejects.toMatchObject({
      code: "unavailable",
      retryable: false,
    });
    expect(wrong.asked).toEqual([]);
    await provider.close?.();
    await wrong.close();
  });

  it("with an authority that we do not trust is unavailable, and no request is sent", async () => {
    const provider = open({ url: server.url, ca: elsewhere.ca });
    const before = server.asked.length;
    await expect(provider.read({ path: "faulty" }, callContext())).rejects.toMatchObject({
      code: "unavailable",
      retryable: false,
    });
    expect(server.asked).toHaveLength(before);
    await provider.close?.();
  });

  it("that is over lets the next call through: 401, then a good answer", async () => {
    const secrets = createSecrets({ providers: { kubernetes: open() } });
    server.answer(failure(401, "Unauthorized"));
    await expect(secrets.get("kubernetes://faulty#key")).rejects.toMatchObject({ code: "unauthenticated" });
    server.answer(good);
    expect((await secrets.get("kubernetes://faulty#key", { fresh: true })).text()).toBe(value);
    await secrets.close();
  });
});

describe("a list", () => {
  it("whose cursor the server has forgotten goes on with the one that it gives instead", async () => {
    const provider = open();
    const item = (name: string) => ({ metadata: { name, resourceVersion: "1" } });
    server.answer(({ url }, response) => {
      const cursor = new URL(url, server.url).searchParams.get("continue");
      if (cursor === null) return sendJson(response, 200, { metadata: { continue: "old" }, items: [item("a")] });
      if (cursor === "old") return sendStatus(response, 410, "Expired", { metadata: { continue: "new" } });
      return sendJson(response, 200, { metadata: {}, items: [item("b")] });
    });
    const first = await provider.list!({ prefix: "" }, callContext());
    const second = await provider.list!({ prefix: "", cursor: first.next! }, callContext());
    expect([...first.items, ...second.items].map(({ path }) => path)).toEqual(["a", "b"]);
    server.answer((_asked, response) => sendStatus(response, 410, "Expired"));
    const error = await provider.list!({ prefix: "", cursor: "old" }, callContext()).catch((thrown: unknown) => thrown);
    expect(isSecretsError(error, "invalid-argument")).toBe(true);
    await provider.close?.();
  });

  it("and a probe ask for metadata, so that no value travels", async () => {
    const provider = open();
    const before = server.asked.length;
    server.answer((_asked, response) => sendJson(response, 200, { metadata: { resourceVersion: "1" }, items: [] }));
    await provider.list!({ prefix: "" }, callContext());
    await provider.probe!({ path: "any" }, callContext());
    expect(server.asked.slice(before).map(({ accept }) => /as=(\w+)/.exec(accept ?? "")?.[1])).toEqual([
      "PartialObjectMetadataList",
      "PartialObjectMetadata",
    ]);
    await provider.close?.();
  });
});

describe("a name or an option that is wrong", () => {
  it.each(["Upper", "a_b", "-a", "a-", "a/b/c", "a..b", "", "/a", "a/", "A/b", "a b", `${"a".repeat(64)}/b`, "a".repeat(254)])(
    "such as %j is refused before anything is sent",
    async (path) => {
      const provider = open();
      const before = server.asked.length;
      await expect(provider.read({ path }, callContext())).rejects.toMatchObject({
        code: "invalid-argument",
        hint: expect.any(String),
      });
      expect(server.asked).toHaveLength(before);
      await provider.close?.();
    },
  );

  it.each([".", "..", "..a", "a/b", "a b", "", "ä", "a".repeat(254)])(
    "such as the field %j, and so is a number",
    async (name) => {
      const provider = open();
      const before = server.asked.length;
      for (const fields of [{ [name]: "text" }, { key: 5 }]) {
        const call = provider.write!({ path: "any" }, { kind: "fields", fields }, {}, callContext());
        await expect(call).rejects.toMatchObject({ code: "invalid-argument", hint: expect.any(String) });
      }
      expect(server.asked).toHaveLength(before);
      await provider.close?.();
    },
  );

  it("such as options that do not go together", () => {
    for (const options of [
      { token },
      { server: server.url, kubeconfig: "any" },
      { server: server.url, token, tokenFile: "any" },
      { server: server.url, tls: { cert: "any" } },
      { namespace: "Not One" },
    ]) {
      expect(() => kubernetes(options)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });
});
