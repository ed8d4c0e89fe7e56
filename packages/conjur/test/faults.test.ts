import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ConjurProvider } from "@keyhold/conjur";
import { type CallContext, createSecrets, type SecretsError } from "@keyhold/core";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import { clockByHand, hung } from "../../../test/servers/hung.ts";
import { readText, type Started, start } from "./start.ts";

const value = "canary-value-8f3a61";
let started: Started;
const elsewhere = { url: "", requests: 0 };
const other = createServer((_request, response) => {
  elsewhere.requests += 1;
  response.end("{}");
});

beforeAll(async () => {
  started = await start("- !variable faulty");
  started.server.seed("faulty", value);
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  elsewhere.url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  other.close();
  await started.close();
});
afterEach(() => {
  expect(started.server.violations).toEqual([]);
  expect(started.server.faults.pending).toBe(0);
});

/** The requests of which one read is made. */
const stages = {
  "sign-in": /^POST \/authn/,
  "what versions there are": /^GET \/resources/,
  "the value": /^GET \/secrets/,
} as const;
type Stage = keyof typeof stages;

const failing = (status: number, headers = {}): Fault => ({ kind: "status", status, headers, body: value });

interface Expected {
  readonly name: string;
  readonly fault: () => Fault;
  readonly code: string;
  readonly more?: Partial<SecretsError>;
  /** Codes that differ where another request of the read is struck; undefined: no client can tell. */
  readonly at?: { readonly [S in Stage]?: string | undefined };
}

const faults: readonly Expected[] = [
  { name: "403", fault: () => failing(403), code: "permission-denied", more: { retryable: false } },
  { name: "404", fault: () => failing(404), code: "not-found", at: { "sign-in": "unauthenticated" } },
  {
    name: "429 with Retry-After",
    fault: () => failing(429, { "retry-after": "7" }),
    code: "rate-limited",
    more: { retryAfterMs: 7_000, retryable: true },
  },
  { name: "500", fault: () => failing(500), code: "unavailable", more: { retryable: true } },
  { name: "503", fault: () => failing(503), code: "unavailable", more: { retryable: true } },
  {
    name: "a reset in the middle of the answer",
    fault: () => ({ kind: "reset" }),
    code: "unavailable",
    more: { retryable: true },
  },
  { name: "a web page with 200", fault: () => ({ kind: "html" }), code: "decode" },
  { name: "half the JSON", fault: () => ({ kind: "invalid-json" }), code: "decode", at: { "the value": undefined } },
  { name: "10 MB", fault: () => ({ kind: "large" }), code: "decode" },
  {
    name: "a redirect to another host",
    fault: () => ({ kind: "redirect", location: elsewhere.url }),
    code: "unavailable",
    more: { retryable: false },
  },
];

const rows = faults.flatMap((one) =>
  (Object.keys(stages) as Stage[]).flatMap((stage) => {
    const code = one.at && stage in one.at ? one.at[stage] : one.code;
    return code === undefined ? [] : [{ ...one, stage, code }];
  }),
);

const secretsOf = (conjur: ConjurProvider, retry = false) => createSecrets({ providers: { conjur }, retry });

/** Both ends lie in this process. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

describe("a fault", () => {
  it.each(rows)("$name for $stage is $code, from the driver and from the client, and shows nothing", async (row) => {
    const { server, open } = started;
    const provider = open();
    const secrets = secretsOf(open());
    for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("conjur://faulty")]) {
      server.faults.next(row.fault(), { match: stages[row.stage] });
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: row.code, ...row.more });
      expect(findLeak(error, [value, server.adminApiKey])).toBeUndefined();
    }
    // The same provider goes on when the fault is over.
    expect(await readText(provider, "faulty", callContext())).toBe(value);
    expect(elsewhere.requests).toBe(0);
    await secrets.close();
  });

  it.each(Object.keys(stages) as Stage[])("that hangs for %s ends at the deadline, and its socket with it", async (stage) => {
    const { server, open } = started;
    const before = sockets();
    const provider = open();
    const clock = clockByHand();
    const secrets = createSecrets({ providers: { conjur: open() }, retry: false, clock });
    for (const call of [
      (context: CallContext) => provider.read({ path: "faulty" }, context),
      () => secrets.get("conjur://faulty", { deadlineMs: 60_000 }),
    ]) {
      const outcome = await hung(server.faults, call, { match: stages[stage], clock });
      expect(outcome).toMatchObject({ code: "timeout", retryable: true });
      await expect.poll(sockets).toBeLessThanOrEqual(before);
    }
    await secrets.close();
  });

  it("401 for a value brings a new sign-in and the value; a second 401 is unauthenticated", async () => {
    const { server, open, signIns } = started;
    const provider = open();
    const secrets = secretsOf(open());
    for (const call of [
      () => readText(provider, "faulty", callContext()),
      async () => (await secrets.get("conjur://faulty", { fresh: true })).text(),
    ]) {
      const before = signIns();
      server.faults.next(failing(401), { match: stages["the value"] });
      expect(await call()).toBe(value);
      expect(signIns() - before).toBe(2);
      server.faults.next(failing(401), { match: stages["the value"], times: 2 });
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "unauthenticated", retryable: false });
      expect(findLeak(error, [value, server.adminApiKey])).toBeUndefined();
    }
    await secrets.close();
  });

  it("401 for the sign-in is unauthenticated, and the next call signs in", async () => {
    const provider = started.open();
    started.server.faults.next(failing(401), { match: stages["sign-in"] });
    await expect(provider.read({ path: "faulty" }, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await readText(provider, "faulty", callContext())).toBe(value);
  });

  it.each([
    ["expired", { expired: true }],
    ["for another host", { hosts: ["conjur.example"] }],
  ])("of a certificate that is %s is unavailable, and nothing is sent", async (_name, options) => {
    const strange = await start("- !variable faulty", { tls: await makeCertificates(options) });
    const provider = strange.open();
    const secrets = secretsOf(strange.open());
    for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("conjur://faulty")]) {
      await expect(call()).rejects.toMatchObject({ code: "unavailable", retryable: false });
    }
    expect(strange.server.requests).toEqual([]);
    await secrets.close();
    await strange.close();
  });

  it("that is over lets a client that tries again have the value", async () => {
    const secrets = secretsOf(started.open(), true);
    started.server.faults.next(failing(503), { match: stages["the value"] });
    expect((await secrets.get("conjur://faulty")).text()).toBe(value);
    await secrets.close();
  });
});

it("a variable whose policy says that it holds a web page is read as one", async () => {
  started.server.seedPolicy("- !variable { id: page, mime_type: text/html }");
  started.server.seed("page", "<p>hello");
  const provider = started.open();
  expect(await readText(provider, "page", callContext())).toBe("<p>hello");
  expect((await provider.read({ path: "page", version: "1" }, callContext())).version).toBe("1");
});
