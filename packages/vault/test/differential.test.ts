import type { CallContext, Content } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { tokenAuth, type VaultProvider } from "@keyhold/vault";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import type { HttpsService } from "../../../test/servers/https-service.ts";
import { addPolicy, addToken } from "../../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

const cases = Number(process.env.KEYHOLD_RUNS ?? 300);
let bao: OpenBao;
let door: HttpsService;
let providers: readonly VaultProvider[];

beforeAll(async () => {
  bao = await startOpenBao();
  door = await startFaultyBao(bao);
  // One store for each transport, which get the same calls, and one of version 1 that both read.
  await Promise.all([enableKv(bao, "kv0", 2), enableKv(bao, "kv1", 2), enableKv(bao, "old", 1)]);
  await bao.call({ path: "old/app", body: { text: "value", number: 1.5 } });
  await addPolicy(
    bao,
    "both",
    `path "kv0/*" { capabilities = ["create", "read", "update", "delete", "list"] }
     path "kv1/*" { capabilities = ["create", "read", "update", "delete", "list"] }
     path "old/*" { capabilities = ["read"] }`,
  );
  const auth = tokenAuth(await addToken(bao, { policies: ["both"] }));
  providers = transports.map(({ vault }) => vault({ address: door.url, tls: { ca: door.ca }, auth }));
});
afterAll(async () => {
  await Promise.all(providers.map((provider) => provider.close?.()));
  expect(door.violations).toEqual([]);
  await Promise.all([door.close(), bao.close()]);
});

const name = fc.constantFrom("app", "app", "team/app", "ä b#?%", "a.b~c");
const version = fc.constantFrom("1", "1", "2", "2", "3", "0", "x", "900");
const json = fc.jsonValue({ maxDepth: 2 });
const fields = fc.dictionary(fc.string({ unit: "grapheme", maxLength: 8 }), json, { maxKeys: 4 });
const content: fc.Arbitrary<Content> = fc.oneof(
  { weight: 9, arbitrary: fields.map((values): Content => ({ kind: "fields", fields: values as never })) },
  { weight: 1, arbitrary: fc.constant<Content>({ kind: "opaque", value: "text" }) },
);

/** A call to one provider, in its own store. */
type Call = (provider: VaultProvider, store: string, context: CallContext) => Promise<unknown>;
const call = (title: string, run: Call) => ({ title, run });

const calls = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ name, version: fc.option(version, { nil: undefined, freq: 1 }) })
      .map(({ name: at, version: named }) => {
        const wanted = named === undefined ? {} : { version: named };
        return call(`read ${at} ${named}`, (provider, store, context) =>
          provider.read({ path: `${store}/${at}`, ...wanted }, context),
        );
      }),
  },
  {
    weight: 5,
    arbitrary: fc
      .record({ name, content, ifVersion: fc.option(fc.oneof(version, fc.constant(null)), { nil: undefined, freq: 1 }) })
      .map(({ name: at, content: given, ifVersion }) =>
        call(`write ${at} ${ifVersion}`, (provider, store, context) =>
          provider.write!({ path: `${store}/${at}` }, given, { ifVersion, labels: { of: "both" } }, context),
        ),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ name, ifVersion: fc.option(version, { nil: undefined, freq: 1 }) })
      .map(({ name: at, ifVersion }) =>
        call(`remove ${at} ${ifVersion}`, (provider, store, context) =>
          provider.remove!({ path: `${store}/${at}` }, { ifVersion }, context),
        ),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ name, version })
      .map(({ name: at, version: named }) =>
        call(`destroy ${at} ${named}`, (provider, store, context) =>
          provider.destroy({ path: `${store}/${at}`, version: named }, context),
        ),
      ),
  },
  name.map((at) => call(`undelete ${at}`, (provider, store, context) => provider.undelete({ path: `${store}/${at}` }, context))),
  name.map((at) => call(`versions ${at}`, (provider, store, context) => provider.versions!(`${store}/${at}`, {}, context))),
  name.map((at) => call(`probe ${at}`, (provider, store, context) => provider.probe!({ path: `${store}/${at}` }, context))),
  name.map((at) => call(`list ${at}`, (provider, store, context) => provider.list!({ prefix: `${store}/${at[0]}` }, context))),
  fc
    .constantFrom("old/app", "old/none", "nowhere/a", "sys/policies/acl/both", "kv0//a", "kv0")
    .map((at) => call(`read ${at}`, (provider, _store, context) => provider.read({ path: at }, context))),
);

const errors = fc.constantFrom(
  "",
  "permission denied",
  "1 error occurred:\n\t* permission denied\n\n",
  "check-and-set parameter did not match the current version",
  "namespace not found",
);
const status = fc.constantFrom(400, 401, 403, 404, 405, 412, 413, 418, 429, 472, 473, 474, 500, 501, 502, 503, 530);
const faults: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 10, arbitrary: fc.constant(undefined) },
  {
    weight: 3,
    arbitrary: fc.record({ status, errors, after: fc.option(fc.nat(60), { nil: undefined, freq: 1 }) }).map(
      ({ status: code, errors: text, after }): Fault => ({
        kind: "status",
        status: code,
        body: JSON.stringify({ errors: text === "" ? [] : [text] }),
        headers: { "content-type": "application/json", ...(after === undefined ? {} : { "retry-after": String(after) }) },
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Fault>(
      { kind: "reset" },
      { kind: "html" },
      { kind: "invalid-json" },
      { kind: "redirect", location: "http://127.0.0.1:9/" },
      { kind: "status", status: 502, body: "<html>" },
      { kind: "status", status: 200, body: "[1]" },
      { kind: "status", status: 204, body: "" },
    ),
  },
);

/** What came of a call, without what the two stores and the moment bring: their names and times. */
function comparable(outcome: unknown, store: string): unknown {
  return JSON.parse(
    JSON.stringify(outcome ?? null, (key, value) => {
      if (/At$/.test(key)) return typeof value;
      return typeof value === "string" ? value.replaceAll(store, "STORE") : value;
    }),
  );
}

async function outcomeOf(provider: VaultProvider, store: string, { run }: ReturnType<typeof call>, fault: Fault | undefined) {
  if (fault !== undefined) door.faults.next(fault, { match: /^\w+ \/v1\/(?!auth|sys\/internal)/ });
  try {
    return { gave: comparable(await run(provider, store, callContext()), store) };
  } catch (error) {
    const { code, message, hint, retryable, retryAfterMs } = error as Record<string, unknown>;
    return { failed: comparable({ code, message, hint, retryable, retryAfterMs }, store) };
  } finally {
    door.faults.clear();
  }
}

it(`${cases} calls over both transports, to the same state and under the same faults, come to the same`, async () => {
  const failures = new Map<unknown, number>();
  let successes = 0;
  await fc.assert(
    fc.asyncProperty(calls, faults, async (made, fault) => {
      const overSdk = await outcomeOf(providers[0]!, "kv0", made, fault);
      const overLean = await outcomeOf(providers[1]!, "kv1", made, fault);
      expect(overLean, made.title).toEqual(overSdk);
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
    `vault: ${successes + failed} cases: ${successes} equal records, ${failed} equal failures of ${failures.size} codes`,
  );
  expect(successes).toBeGreaterThan(cases / 8);
  expect(failures.size).toBeGreaterThan(5);
});

it("a twin that forgets to encode what it writes differs", async () => {
  const [sdk, lean] = providers as [VaultProvider, VaultProvider];
  const naive: VaultProvider = {
    ...lean,
    read: ({ path }, context) => lean.read({ path: path.replace(/[#?].*$/, "") }, context),
  };
  let different = 0;
  for (const at of ["app-1", "a#b", "a?b", "ä b#?%"]) {
    const write = call(`write ${at}`, (provider, store, context) =>
      provider.write!({ path: `${store}/${at}` }, { kind: "fields", fields: { at } }, {}, context),
    );
    const read = call(`read ${at}`, (provider, store, context) => provider.read({ path: `${store}/${at}` }, context));
    for (const one of [write, read]) {
      const overSdk = await outcomeOf(sdk, "kv0", one, undefined);
      const overNaive = await outcomeOf(naive, "kv1", one, undefined);
      if (JSON.stringify(overSdk) !== JSON.stringify(overNaive)) different += 1;
    }
  }
  console.log(`vault: a naive twin differs in ${different} of 8 cases`);
  expect(different).toBe(3);
});
