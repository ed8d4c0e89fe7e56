import type { CallContext, Content, ErrorCode, Provider } from "@keyhold/core";
import type { Situation } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { testClient } from "../../../test/servers/oidc/start-token-server.ts";
import { startVault, type TestVault } from "./support/start-vault.ts";
import { transports } from "./support/transports.ts";

describe.each(transports)("over $transport", (tested) => {
  let vault: TestVault;
  beforeAll(async () => {
    vault = await startVault(tested);
  });
  afterAll(async () => {
    expect(vault.violations()).toEqual([]);
    await vault.close();
  });

  /** Puts a secret past the wire, a second after the one before: Key Vault keeps whole seconds. */
  function seed(path: string, content: Content): void {
    if (content.kind !== "opaque") throw new Error("Key Vault holds no fields");
    vault.pass(1_000);
    const { value } = content;
    if (typeof value === "string") vault.server.seed(path, value);
    else vault.server.seed(path, Buffer.from(value).toString("base64"), { contentType: "application/octet-stream;base64" });
  }

  /** One answer of the vault, given to the next request that brings a token. */
  const failing = (fault: Fault) => () => {
    return {
      provider: vault.create(),
      call: async (one: Provider, context: CallContext) => {
        await one.list!({ prefix: "" }, context);
        vault.server.faults.next(fault);
        return one.read({ path: "broken" }, context);
      },
      end: () => vault.server.faults.clear(),
    };
  };

  testProvider(tested.name, {
    create: () => vault.create(),
    seed,
    maxBytes: 25 * 1024,
    pageItems: 30,
    refusedNames: { reason: "Key Vault's names hold letters, digits and hyphens", pattern: /[^0-9a-zA-Z-]/ },
    skip: [
      {
        reason: "Key Vault's names ignore case: both spellings are one secret",
        tests: ["upper and lower case are different names"],
      },
      {
        reason:
          "a removed secret keeps its name until it is purged: writing it again is a conflict, whose hint names recover() and purge()",
        tests: ["what was removed can be written again"],
      },
      { reason: "Key Vault deletes whole secrets; a version can be disabled", tests: ["removing one version leaves the others"] },
      {
        reason: "Key Vault knows no idempotency key, so one is refused as unsupported",
        tests: ["the same idempotency key and content write once"],
      },
    ],
    canaries: () => [testClient.clientSecret as string, ...vault.given.slice(-3)],
    breakIt: {
      unauthenticated: () => ({
        provider: vault.create({
          credential: {
            getToken: async () => ({
              token: await vault.tokens.mint({ aud: "https://elsewhere.example" }),
              expiresOnTimestamp: Date.now() + 60_000,
            }),
          },
        }),
      }),
      "permission-denied": () => {
        vault.server.restrict(testClient.clientId, ["list"]);
        const all = ["get", "list", "set", "delete", "recover", "purge"] as const;
        return { provider: vault.create(), end: () => vault.server.restrict(testClient.clientId, all) };
      },
      "rate-limited": failing({ kind: "status", status: 429, headers: { "retry-after": "2" } }),
      unavailable: failing({ kind: "status", status: 503 }),
      decode: failing({ kind: "html" }),
      conflict: () => {
        vault.server.seed("taken", "value");
        const provider = vault.create();
        return {
          provider,
          call: async (one, context) => {
            await one.remove!({ path: "taken" }, {}, context);
            await one.write!({ path: "taken" }, { kind: "opaque", value: "again" }, {}, context);
          },
        };
      },
      unsupported: () => ({
        provider: vault.create(),
        call: (one, context) =>
          one.write!({ path: "cas" }, { kind: "opaque", value: "value" }, { ifVersion: "0".repeat(32) }, context),
      }),
      timeout: () => {
        vault.server.faults.next({ kind: "hang" }, { times: 5 });
        return { provider: vault.create(), end: () => vault.server.faults.clear() };
      },
      unknown: () => ({
        provider: vault.create({ credential: { getToken: () => Promise.reject(new Error(testClient.clientSecret)) } }),
      }),
    } satisfies { readonly [Code in ErrorCode]?: () => Situation },
  });
});
