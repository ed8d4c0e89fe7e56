import type { AzureProvider } from "@keyhold/azure";
import { type CallContext, type Content, callContext } from "@keyhold/core";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { testClient } from "../../../test/servers/oidc/start-token-server.ts";
import { startVault, type TestVault } from "./support/start-vault.ts";
import { transports } from "./support/transports.ts";

const cases = Number(process.env.KEYHOLD_RUNS ?? 300);

/** A vault of its own for each transport, which get the same calls. */
interface Side {
  readonly vault: TestVault;
  readonly provider: AzureProvider;
  /** The ids of versions in the order in which they were made, as each vault makes its own. */
  readonly ids: string[];
}

const at = Math.floor(Date.now() / 1000);
const seeds = [
  ["expired", { attributes: { nbf: at - 7200, exp: at - 3600 } }],
  ["early", { attributes: { nbf: at + 7200 }, tags: { team: "ml" } }],
  ["off", { attributes: { enabled: false } }],
  ["marked", { contentType: "text/plain;base64" }],
  ["typed", { contentType: "application/json", tags: {} }],
  ...Array.from({ length: 30 }, (_, index) => [`many-${index}`, {}] as const),
] as const;

let sides: readonly [Side, Side];
beforeAll(async () => {
  const [sdk, lean] = await Promise.all(
    transports.map(async (tested) => {
      const vault = await startVault(tested);
      for (const [name, change] of seeds) vault.server.seed(name, "AP+ACg0=", change);
      const provider = vault.create();
      // Signed in, so that a fault strikes the same request of either.
      await provider.read({ path: "typed" }, callContext());
      return { vault, provider, ids: [] };
    }),
  );
  sides = [sdk as Side, lean as Side];
});
afterAll(async () => {
  for (const { vault, provider } of sides) {
    expect(vault.violations()).toEqual([]);
    await provider.close?.();
    await vault.close();
  }
});

interface Call {
  readonly title: string;
  /** The request that a fault strikes. */
  readonly strikes: RegExp;
  /** It waits for what an answer of success promises. */
  readonly isAwaited?: boolean;
  run(side: Side, context: CallContext): Promise<unknown>;
}

const name = fc.constantFrom("app", "app", "App", "db-password", "expired", "early", "off", "marked", "typed", "none", "a/b");
const version = fc.option(fc.constantFrom(0, 1, 2, -1), { nil: undefined, freq: 1 });
const content: fc.Arbitrary<Content> = fc
  .record({
    value: fc.oneof(fc.string({ unit: "grapheme", maxLength: 20 }), fc.uint8Array({ maxLength: 20 }), fc.constant("\ud800")),
    contentType: fc.option(fc.constantFrom("text/plain", "application/json", "x;base64"), { nil: undefined }),
  })
  .map(({ value, contentType }): Content => ({ kind: "opaque", value, ...(contentType && { contentType }) }));
const labels = fc.option(fc.dictionary(fc.string({ unit: "grapheme", maxLength: 5 }), fc.string({ maxLength: 5 })), {
  nil: undefined,
});

/** The id of a version that this side made, or one that nobody did. */
const idOf = (side: Side, index: number) => side.ids.at(index) ?? "0".repeat(32);

async function pages<T>(list: (cursor: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next?: string }>) {
  const found: (readonly T[])[] = [];
  let next: string | undefined;
  do {
    const page = await list(next);
    found.push(page.items);
    next = page.next;
  } while (next !== undefined);
  return found;
}

const calls: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ name, version }).map<Call>(({ name: path, version: index }) => ({
      title: `read ${path} ${index}`,
      strikes: /^GET \/secrets\//,
      run: (side, context) =>
        side.provider.read({ path, ...(index === undefined ? {} : { version: idOf(side, index) }) }, context),
    })),
  },
  {
    weight: 5,
    arbitrary: fc.record({ name, content, labels }).map<Call>(({ name: path, content: given, labels: tags }) => ({
      title: `write ${path}`,
      strikes: /^PUT /,
      async run(side, context) {
        // A second after the one before: Key Vault keeps whole seconds.
        side.vault.pass(1_000);
        const written = await side.provider.write!({ path }, given, { ...(tags && { labels: tags }) }, context);
        side.ids.push(written.version);
        return written;
      },
    })),
  },
  {
    weight: 2,
    arbitrary: name.map<Call>((path) => ({
      title: `remove ${path}`,
      strikes: /^DELETE \/secrets/,
      run: ({ provider }, context) => provider.remove!({ path }, {}, context),
    })),
  },
  {
    weight: 3,
    arbitrary: name.map<Call>((path) => ({
      title: `remove and recover ${path}`,
      strikes: /^POST /,
      isAwaited: true,
      async run({ provider }, context) {
        await provider.remove!({ path }, {}, context).catch(() => {});
        await provider.recover(path, context);
      },
    })),
  },
  name.map<Call>((path) => ({
    title: `recover ${path}, removed or not`,
    strikes: /^$/,
    run: ({ provider }, context) => provider.recover(path, context),
  })),
  {
    weight: 2,
    arbitrary: name.map<Call>((path) => ({
      title: `purge ${path}`,
      strikes: /^DELETE \/deletedsecrets/,
      run: ({ provider }, context) => provider.purge(path, context),
    })),
  },
  {
    weight: 2,
    arbitrary: name.map<Call>((path) => ({
      title: `versions ${path}`,
      strikes: /^GET .*\/versions/,
      run: ({ provider }, context) => provider.versions(path, {}, context),
    })),
  },
  fc.constantFrom("", "a", "MANY-1").map<Call>((prefix) => ({
    title: `list ${prefix}`,
    strikes: /^GET \/secrets$/,
    run: ({ provider }, context) => pages((cursor) => provider.list({ prefix, ...(cursor && { cursor }) }, context)),
  })),
  fc.constant<Call>({
    title: "list deleted",
    strikes: /^GET \/deletedsecrets$/,
    run: ({ provider }, context) => pages((cursor) => provider.listDeleted({ prefix: "", ...(cursor && { cursor }) }, context)),
  }),
  fc.constantFrom([], ["list"], ["get"]).map<Call>((allowed) => ({
    title: `with the rights ${allowed}`,
    strikes: /^$/,
    async run({ vault, provider }, context) {
      vault.server.restrict(testClient.clientId, allowed as never);
      try {
        const found = await Promise.allSettled([
          provider.read({ path: "early" }, context),
          provider.list({ prefix: "e" }, context),
          provider.recover("early", context),
        ]);
        return found.map((one) => (one.status === "fulfilled" ? one.value : (one.reason as { code: unknown }).code));
      } finally {
        vault.server.restrict(testClient.clientId, ["get", "list", "set", "delete", "recover", "purge"]);
      }
    },
  })),
);

const codes = ["Forbidden", "SecretNotFound", "BadParameter", "Conflict", "Throttled", "Nothing", undefined];
const innerCodes = ["SecretDisabled", "ForbiddenByFirewall", "ForbiddenByRbac", "ObjectIsDeletedButRecoverable", undefined];
const json = { "content-type": "application/json" };
const challenge = 'Bearer authorization="https://login.example/other-tenant", resource="https://vault.azure.net"';
const claims = Buffer.from('{"access_token":{"nbf":{"essential":true}}}').toString("base64");

interface Strike {
  readonly fault: Fault;
  readonly times?: number;
}

const strikes: fc.Arbitrary<Strike | undefined> = fc.oneof(
  { weight: 16, arbitrary: fc.constant(undefined) },
  {
    weight: 5,
    arbitrary: fc
      .record({
        status: fc.constantFrom(400, 403, 404, 405, 408, 409, 412, 418, 429, 500, 502, 503),
        code: fc.constantFrom(...codes),
        inner: fc.constantFrom(...innerCodes),
        after: fc.option(fc.nat(60), { nil: undefined, freq: 1 }),
      })
      .map<Strike>(({ status, code, inner, after }) => ({
        fault: {
          kind: "status",
          status,
          headers: { ...json, ...(after !== undefined && { "retry-after": String(after) }) },
          body: JSON.stringify({ error: { code, message: "no", ...(inner && { innererror: { code: inner } }) } }),
        },
      })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Strike>(
      { fault: { kind: "status", status: 401 } },
      { fault: { kind: "status", status: 401 }, times: 2 },
      { fault: { kind: "status", status: 401, body: "{}" } },
      { fault: { kind: "status", status: 401, body: "{}", headers: { "www-authenticate": challenge } } },
      { fault: { kind: "status", status: 401, body: "{}", headers: { "www-authenticate": "Bearer" } } },
      {
        fault: {
          kind: "status",
          status: 401,
          body: "{}",
          headers: { "www-authenticate": 'Bearer authorization="x", scope="y"' },
        },
      },
      {
        fault: {
          kind: "status",
          status: 401,
          headers: { "www-authenticate": `${challenge}, error="insufficient_claims", claims="${claims}"` },
        },
      },
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom<Fault>(
        { kind: "reset" },
        { kind: "html" },
        { kind: "invalid-json" },
        { kind: "large" },
        { kind: "redirect", location: "http://127.0.0.1:9/" },
        { kind: "status", status: 502, body: "<html>" },
        { kind: "status", status: 204, body: "" },
        ...["null", "[]", "{}", '{"value":[{}]}', '{"value":[],"nextLink":"https://other.example/secrets?x"}'].map(
          (body): Fault => ({ kind: "status", status: 200, headers: json, body }),
        ),
        ...["not a url", "https://x/secrets", "https://x/secrets/a", `https://x/secrets/a/${"1".repeat(32)}`].map(
          (id): Fault => ({ kind: "status", status: 200, headers: json, body: JSON.stringify({ id, value: "v" }) }),
        ),
      )
      .map((fault) => ({ fault })),
  },
);

/** Whether a fault says that all went well, where nothing was done. */
const promises = (fault: Fault) => fault.kind === "html" || (fault.kind === "status" && fault.status < 300);

const kept = /^(?:expiresAt|notBeforeAt)$/;

/** What came of a call, without what the two vaults and the moment bring: their ports, ids of versions and times. */
function comparable(outcome: unknown, { vault, ids }: Side): unknown {
  return JSON.parse(
    JSON.stringify(outcome ?? null, (key, value) => {
      if (key === "next" || (/At$/.test(key) && !kept.test(key))) return typeof value;
      if (typeof value !== "string") return value;
      const index = ids.indexOf(value);
      if (index >= 0) return `version ${index}`;
      return value.replaceAll(String(vault.server.port), "PORT").replace(/^(?!1{32})[0-9a-f]{32}$/, "seeded");
    }),
  );
}

async function outcomeOf(side: Side, { run, strikes: match }: Call, strike: Strike | undefined) {
  const { faults } = side.vault.server;
  if (strike !== undefined) faults.next(strike.fault, { match, times: strike.times ?? 1 });
  try {
    return { gave: comparable(await run(side, callContext()), side) };
  } catch (error) {
    const { code, message, hint, retryable, retryAfterMs } = error as Record<string, unknown>;
    return { failed: comparable({ code, message, hint, retryable, retryAfterMs }, side) };
  } finally {
    faults.clear();
  }
}

it(`${cases} calls over both transports, to the same state and under the same faults, come to the same`, async () => {
  const failures = new Map<unknown, number>();
  let successes = 0;
  await fc.assert(
    fc.asyncProperty(calls, strikes, async (call, strike) => {
      fc.pre(!(call.isAwaited && strike !== undefined && promises(strike.fault)));
      const [overSdk, overLean] = await Promise.all([outcomeOf(sides[0], call, strike), outcomeOf(sides[1], call, strike)]);
      expect(overLean, call.title).toEqual(overSdk);
      if ("gave" in overSdk) successes += 1;
      else {
        const { code } = overSdk.failed as { code: unknown };
        failures.set(code, (failures.get(code) ?? 0) + 1);
      }
    }),
    // What came before changed the state, so a smaller example proves nothing.
    { numRuns: cases, endOnFailure: true },
  );
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `azure: ${successes + failed} cases: ${successes} equal records, ${failed} equal failures of ${failures.size} codes`,
  );
  expect(successes).toBeGreaterThan(cases / 12);
  expect(failures.size).toBeGreaterThan(3);
});

it("a twin that takes the service's seconds for milliseconds, and every 403 for a missing secret, differs", async () => {
  const { vault, provider: lean, ids } = sides[1];
  const naive: AzureProvider = {
    ...lean,
    async read(locator, context) {
      try {
        const { expiresAt, ...record } = await lean.read(locator, context);
        return { ...record, ...(expiresAt && { expiresAt: expiresAt / 1000 }) };
      } catch (error) {
        throw Object.assign(error as Error, { code: "not-found" });
      }
    },
  };
  let different = 0;
  const paths = ["expired", "early", "off", "typed"];
  for (const { vault: own } of sides)
    for (const [name, change] of seeds.slice(0, 5)) own.server.seed(`twin-${name}`, "v", change);
  for (const path of paths) {
    const read: Call = {
      title: path,
      strikes: /^/,
      run: ({ provider }, context) => provider.read({ path: `twin-${path}` }, context),
    };
    const [overSdk, overNaive] = [
      await outcomeOf(sides[0], read, undefined),
      await outcomeOf({ vault, provider: naive, ids }, read, undefined),
    ];
    if (JSON.stringify(overSdk) !== JSON.stringify(overNaive)) different += 1;
  }
  console.log(`azure: a naive twin differs in ${different} of ${paths.length} cases`);
  expect(different).toBe(2);
});
