import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createSecrets, isSecretsError, type SecretsError } from "@keyhold/core";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import { hung } from "../../../test/servers/hung.ts";
import { transports } from "./support/transports.ts";

const value = "canary-value-8f3a61";
let server: AwsServer;
let elsewhere: { url: string; requests: number; close(): void };

beforeAll(async () => {
  server = await startAws();
  const other = createServer((_request, response) => {
    elsewhere.requests += 1;
    response.end("{}");
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  elsewhere = { url: `http://127.0.0.1:${(other.address() as AddressInfo).port}/`, requests: 0, close: () => other.close() };
});
afterAll(async () => {
  elsewhere.close();
  await server.close();
});

const json = (status: number, type: string, headers = {}): Fault => ({
  kind: "status",
  status,
  headers: { "content-type": "application/x-amz-json-1.1", ...headers },
  body: JSON.stringify({ __type: type, Message: value }),
});

const faults: readonly (readonly [name: string, fault: Fault, code: string, more?: Partial<SecretsError>])[] = [
  ["401", json(401, "UnrecognizedClientException"), "unauthenticated", { retryable: false }],
  ["403", json(403, "AccessDeniedException"), "permission-denied"],
  ["404", json(404, "ResourceNotFoundException"), "not-found"],
  [
    "429 with Retry-After",
    json(429, "ThrottlingException", { "retry-after": "7" }),
    "rate-limited",
    { retryAfterMs: 7_000, retryable: true },
  ],
  ["500", json(500, "InternalServiceError"), "unavailable", { retryable: true }],
  ["503 without a word", { kind: "status", status: 503, body: "" }, "unavailable", { retryable: true }],
  ["a reset in the middle of the answer", { kind: "reset" }, "unavailable", { retryable: true }],
  ["a web page with 200", { kind: "html" }, "decode"],
  ["invalid JSON", { kind: "invalid-json" }, "decode"],
];

describe.each(transports)("over $transport", ({ aws }) => {
  const open = (endpoint = server.url, tls?: { ca: string }) =>
    aws({ endpoint, region: server.region, credentials: server.credentials, ...(tls ? { tls } : {}) });

  beforeAll(async () => {
    const provider = open();
    await provider.write!({ path: "faulty" }, { kind: "opaque", value }, {}, callContext());
    await provider.close?.();
  });

  describe.each(faults.map(([name, fault, code, more = {}]) => ({ name, fault, code, more })))(
    "$name",
    ({ fault, code, more }) => {
      it(`is ${code} from the driver and from the client, and says nothing it should not`, async () => {
        const provider = open();
        const secrets = createSecrets({ providers: { aws: provider }, retry: false });
        for (const call of [() => provider.read({ path: "faulty" }, callContext()), () => secrets.get("aws://faulty")]) {
          server.faults.next(fault);
          const error = await call().catch((thrown: unknown) => thrown);
          expect(error).toMatchObject({ code, ...more });
          expect(findLeak(error, [value, server.credentials.secretAccessKey])).toBeUndefined();
        }
        await secrets.close();
      });
    },
  );

  describe("a fault of the connection", () => {
    it("that hangs ends at the deadline, and its socket with it", async () => {
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
      const before = sockets();
      const provider = open();
      const outcome = await hung(server.faults, (context) => provider.read({ path: "faulty" }, context));
      expect(outcome).toMatchObject({ code: "timeout" });
      await provider.close?.();
      await expect.poll(sockets).toBeLessThanOrEqual(before);
    });

    it("that redirects is followed by no request", async () => {
      const provider = open();
      server.faults.next({ kind: "redirect", location: elsewhere.url });
      const error = await provider.read({ path: "faulty" }, callContext()).catch((thrown: unknown) => thrown);
      expect(isSecretsError(error)).toBe(true);
      expect(elsewhere.requests).toBe(0);
      await provider.close?.();
    });

    it("that sends 10 MB ends, with a typed error or the value", async () => {
      const provider = open();
      server.faults.next({ kind: "large" });
      const outcome = await provider.read({ path: "faulty" }, callContext()).catch((thrown: unknown) => thrown);
      expect(isSecretsError(outcome)).toBe(true);
      await provider.close?.();
    });

    it.each([
      ["expired", { expired: true }],
      ["for another host", { hosts: ["vault.example"] }],
    ])("with a certificate that is %s is unavailable, and no request is sent", async (_name, options) => {
      const { certificateAuthority } = await import("../../../test/servers/certificates.ts");
      const { createServer: createHttpsServer } = await import("node:https");
      const authority = await certificateAuthority();
      const { cert, key } = await authority.issue(options);
      let requests = 0;
      const https = createHttpsServer({ cert, key }, (_request, response) => {
        requests += 1;
        response.end();
      });
      await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
      const provider = open(`https://127.0.0.1:${(https.address() as AddressInfo).port}`, { ca: authority.ca });
      await expect(provider.read({ path: "faulty" }, callContext())).rejects.toMatchObject({
        code: "unavailable",
        retryable: false,
      });
      expect(requests).toBe(0);
      await provider.close?.();
      https.close();
    });

    it("that is over lets the next call through: 401, then a good answer", async () => {
      const secrets = createSecrets({ providers: { aws: open() } });
      server.faults.next(json(401, "ExpiredTokenException"));
      await expect(secrets.get("aws://faulty")).rejects.toMatchObject({ code: "unauthenticated" });
      expect((await secrets.get("aws://faulty", { fresh: true })).text()).toBe(value);
      await secrets.close();
    });
  });
});
