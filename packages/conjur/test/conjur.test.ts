import { apiKeyAuth, conjur } from "@keyhold/conjur";
import type { Content } from "@keyhold/core";
import type { Harness } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { type ConjurServer, startConjur } from "../../../test/servers/conjur/start-conjur.ts";
import type { Fault } from "../../../test/servers/faults.ts";

let server: ConjurServer;
let listerKey: string;
beforeAll(async () => {
  server = await startConjur();
  const created = server.seedPolicy(`
- !host lister
- !variable visible
- !permit { role: !host lister, privileges: [read], resource: !variable visible }
`);
  listerKey = created["test:host:lister"]?.api_key ?? "";
  server.seed("visible", "a value");
});
afterAll(() => server.close());
afterEach(() => expect(server.violations).toEqual([]));

const create = (login = "admin", apiKey = server.adminApiKey) =>
  conjur({ url: server.url, account: server.account, auth: apiKeyAuth({ login, apiKey }), tls: { ca: server.ca } });

const declare = (path: string) => server.seedPolicy(`- !variable ${JSON.stringify(path)}`);

/** Past the provider's wire: to the one under test it comes from outside. */
function seed(path: string, content: Content) {
  if (content.kind === "fields") throw new Error("Conjur holds no fields");
  declare(path);
  server.seed(path, content.value);
}

/** One answer of the service, given to the next read. */
const failing = (fault: Fault) => () => {
  server.faults.next(fault, { match: /^GET / });
  return { provider: create(), end: () => server.faults.clear() };
};

testProvider("conjur", {
  create,
  seed,
  prepare: declare,
  emptyRefused: "Conjur takes no empty or blank value",
  equalValueKept: "Conjur makes no version of a value that it has already",
  skip: [
    {
      reason: "annotations come from the policy that declares a variable; labels of a write are refused as unsupported",
      tests: ["labels that are written are read"],
    },
  ],
  canaries: () => [server.adminApiKey],
  breakIt: {
    unauthenticated: () => ({ provider: create("admin", "wrong".repeat(12)) }),
    "permission-denied": () => ({ provider: create("host/lister", listerKey), locator: { path: "visible" } }),
    "rate-limited": failing({ kind: "status", status: 429 }),
    unavailable: failing({ kind: "status", status: 503 }),
    unknown: failing({ kind: "status", status: 418 }),
    decode: failing({ kind: "invalid-json" }),
    timeout: () => {
      server.faults.next({ kind: "hang" }, { times: 5 });
      return { provider: create(), end: () => server.faults.clear() };
    },
    conflict: () => {
      const provider = create();
      return {
        provider,
        call: (_provider, context) =>
          Promise.all([1, 2, 3].map((id) => provider.policies.load("root", `- !variable busy-${id}`, context))),
      };
    },
    unsupported: () => ({
      provider: create(),
      call: (provider, context) =>
        provider.write!({ path: "visible" }, { kind: "opaque", value: "x" }, { ifVersion: "1" }, context),
    }),
  } satisfies Harness["breakIt"],
});
