import type { Content } from "@keyhold/core";
import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, beforeAll, expect } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { googleToken } from "../../../test/servers/google/start-google.ts";
import { bearer, type Google, startServers, type TransportName } from "./servers.ts";

/** Holds the provider over one transport to the conformance suite. */
export function testTransport(name: string, transport: TransportName): void {
  let google: Google;
  beforeAll(async () => {
    google = await startServers(transport);
  });
  afterAll(async () => {
    await google.close();
    expect(google.server.violations).toEqual([]);
  });

  const failing =
    (fault: Fault, times = 1) =>
    () => {
      google.server.faults.next(fault, { times });
      return { provider: google.create(), end: () => google.server.faults.clear() };
    };

  testProvider(name, {
    create: () => google.create(),
    seed: (path: string, content: Content) => {
      if (content.kind === "opaque") google.server.seed(path, content.value);
    },
    maxBytes: 65_536,
    // More than a page of a hundred.
    pageItems: 101,
    stage: "latest",
    refusedNames: { reason: "Google's ids hold letters, digits, - and _ only", pattern: /[^A-Za-z0-9_-]/ },
    skip: [
      {
        reason: "a destroyed version stays in the list, and reading it is a conflict: it is not not-found",
        tests: ["removing one version leaves the others"],
      },
      {
        reason: "AddSecretVersion takes no idempotency key, so one is refused as unsupported",
        tests: ["the same idempotency key and content write once"],
      },
      { reason: "AccessSecretVersion gives no labels; list does", tests: ["labels that are written are read"] },
    ],
    canaries: () => [google.token],
    breakIt: {
      unauthenticated: async () => ({
        provider: google.create({ credentials: bearer(await googleToken(google.tokens, undefined, { exp: 1 })) }),
      }),
      "permission-denied": async () => {
        google.server.restrict("reader@test-project", []);
        return { provider: google.create({ credentials: bearer(await googleToken(google.tokens, "reader@test-project")) }) };
      },
      conflict: async () => {
        google.server.seed("disabled", "value");
        const provider = google.create();
        return {
          provider,
          call: async (driver, context) => {
            await provider.disableVersion("disabled", "1", context);
            return driver.read({ path: "disabled" }, context);
          },
        };
      },
      unsupported: () => ({
        provider: google.create(),
        call: (driver, context) => driver.write!({ path: "any" }, { kind: "opaque", value: "" }, { ifVersion: "1" }, context),
      }),
      "rate-limited": failing({ kind: "status", status: 429 }),
      unavailable: failing({ kind: "status", status: 503 }),
      decode: failing({ kind: "large" }),
      timeout: failing({ kind: "hang" }, 5),
      unknown: failing({ kind: "status", status: 499 }),
    },
  });
}
