import type { CallContext, Content } from "@keyhold/core";
import type { GcpProvider } from "@keyhold/gcp";
import { callContext } from "@keyhold/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { bearer, type Google, startServers, type TransportName } from "./servers.ts";

const cases = Number(process.env.KEYHOLD_RUNS ?? 210);
const reader = "reader@test-project.iam.gserviceaccount.com";
const expireTime = "2096-10-02T07:06:40.123456789Z";

/** A server of its own for each transport, which get the same calls. */
interface Side {
  readonly google: Google;
  readonly provider: GcpProvider;
}

async function startSide(transport: TransportName): Promise<Side> {
  const google = await startServers(transport);
  const { server } = google;
  for (const value of ["one", "two", "three"]) server.seed("staged", value);
  await google.alias("staged", { stable: "1", newest: "3" });
  server.seed("expiring", new Uint8Array([0, 255, 128]), { secret: { expireTime, labels: { team: "ml" } } });
  server.seed("empty", "");
  for (let index = 0; index < 101; index += 1) server.seed(`many-${index}`, "x");
  return { google, provider: google.create() };
}

interface Call {
  readonly title: string;
  run(provider: GcpProvider, context: CallContext, side: Side): Promise<unknown>;
}

const name = fc.constantFrom(
  "app",
  "app",
  "app",
  "staged",
  "db_password",
  "staged",
  "expiring",
  "empty",
  "none",
  "a/b",
  "projects/test-project/secrets/staged",
  "projects/elsewhere/secrets/app",
);
const version = fc.constantFrom("1", "1", "2", "2", "3", "latest", "9", "x");
const wanted = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  version.map((one) => ({ version: one })),
  fc.constantFrom("stable", "newest", "none", "1").map((stage) => ({ stage })),
);
const content: fc.Arbitrary<Content> = fc
  .oneof(
    { weight: 6, arbitrary: fc.string({ unit: "grapheme", maxLength: 20 }) },
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 20 }) },
    { weight: 1, arbitrary: fc.constantFrom("x".repeat(65_536), "x".repeat(65_537)) },
  )
  .map((value): Content => ({ kind: "opaque", value }));
const labels = fc.option(fc.dictionary(fc.constantFrom("team", "of", "Bad Key"), fc.constantFrom("a", "b", "Ä")), {
  nil: undefined,
});

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
    arbitrary: fc.record({ name, wanted }).map<Call>(({ name: path, wanted: which }) => ({
      title: `read ${path} ${JSON.stringify(which)}`,
      run: (provider, context) => provider.read({ path, ...which }, context),
    })),
  },
  {
    weight: 5,
    arbitrary: fc
      .record({ name, content, labels, ifVersion: fc.constantFrom(undefined, undefined, null) })
      .map<Call>(({ name: path, content: given, ...options }) => ({
        title: `write ${path} ${JSON.stringify(options)}`,
        run: (provider, context) => provider.write!({ path }, given, options, context),
      })),
  },
  {
    weight: 2,
    arbitrary: fc.record({ name, wanted }).map<Call>(({ name: path, wanted: which }) => ({
      title: `remove ${path} ${JSON.stringify(which)}`,
      run: (provider, context) => provider.remove!({ path, ...which }, {}, context),
    })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ name, version, change: fc.constantFrom("enableVersion", "disableVersion", "destroyVersion") })
      .map<Call>(({ name: path, version: which, change }) => ({
        title: `${change} ${path} ${which}`,
        run: (provider, context) => provider[change](path, which, context),
      })),
  },
  {
    weight: 2,
    arbitrary: name.map<Call>((path) => ({
      title: `versions ${path}`,
      run: (provider, context) => pages((cursor) => provider.versions!(path, cursor === undefined ? {} : { cursor }, context)),
    })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("", "a", "many-1", "expir", "/").map<Call>((prefix) => ({
      title: `list ${prefix}`,
      run: (provider, context) => pages((cursor) => provider.list!({ prefix, ...(cursor && { cursor }) }, context)),
    })),
  },
  fc.constant<Call>({ title: "check", run: (provider, context) => provider.check!(context) }),
  fc.constantFrom([], ["secretmanager.versions.access"], ["secretmanager.secrets.list"]).map<Call>((allowed) => ({
    title: `with the rights ${allowed}`,
    async run(_provider, context, { google }) {
      google.server.restrict(reader, allowed as never);
      const provider = google.create({ credentials: bearer(await google.tokenOf(reader)) });
      const found = await Promise.allSettled([
        provider.read({ path: "staged" }, context),
        provider.list!({ prefix: "s" }, context),
        provider.write!({ path: "staged" }, { kind: "opaque", value: "v" }, {}, context),
      ]);
      await provider.close?.();
      return found.map((one) => (one.status === "fulfilled" ? one.value : (one.reason as { code: unknown }).code));
    },
  })),
);

const json = { "content-type": "application/json" };
const states = [
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "UNAUTHENTICATED",
  "NOTHING",
  undefined,
];

const strikes: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 16, arbitrary: fc.constant(undefined) },
  {
    weight: 5,
    arbitrary: fc
      .record({
        status: fc.constantFrom(400, 401, 403, 404, 408, 409, 412, 418, 429, 499, 500, 501, 502, 503, 504),
        state: fc.constantFrom(...states),
        after: fc.option(fc.nat(60), { nil: undefined, freq: 1 }),
      })
      .map<Fault>(({ status, state, after }) => ({
        kind: "status",
        status,
        headers: { ...json, ...(after !== undefined && { "retry-after": String(after) }) },
        body: JSON.stringify({ error: { code: status, message: "no", status: state } }),
      })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Fault>(
      { kind: "reset" },
      { kind: "html" },
      { kind: "invalid-json" },
      { kind: "large" },
      { kind: "wrong-crc" },
      { kind: "redirect", location: "http://127.0.0.1:9/" },
      { kind: "status", status: 502, body: "<html>" },
      { kind: "status", status: 204, body: "" },
      { kind: "status", status: 200, headers: json, body: "{}" },
    ),
  },
);

const kept = "expiresAt";

/** What came of a call, without what the servers and the moment bring: their ports, tokens of pages and times. */
function comparable(outcome: unknown, { google }: Side): unknown {
  const { port, grpcPort } = google.server;
  return JSON.parse(
    JSON.stringify(outcome ?? null, (key, value) => {
      if (key === "next" || (/At$/.test(key) && key !== kept)) return typeof value;
      if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
      return typeof value === "string" ? value.replaceAll(`:${port}`, ":PORT").replaceAll(`:${grpcPort}`, ":PORT") : value;
    }),
  );
}

async function outcomeOf(side: Side, { run }: Call, fault: Fault | undefined) {
  const { faults } = side.google.server;
  if (fault !== undefined) faults.next(fault);
  try {
    return { gave: comparable(await run(side.provider, callContext(), side), side) };
  } catch (error) {
    const { code, message, hint, retryable, retryAfterMs } = error as Record<string, unknown>;
    return { failed: comparable({ code, message, hint, retryable, retryAfterMs }, side) };
  } finally {
    faults.clear();
  }
}

// A fault of HTTP's is another one over gRPC, and would leave another state.
describe.each([
  { sdk: "REST", runs: cases, faults: strikes },
  { sdk: "gRPC", runs: Math.ceil(cases / 3), faults: fc.constant(undefined) },
] as const)("the lean transport and Google's SDK over $sdk", ({ sdk, runs, faults }) => {
  let sides: readonly [sdk: Side, lean: Side];
  beforeAll(async () => {
    sides = await Promise.all([startSide(sdk), startSide("lean")]);
  });
  afterAll(async () => {
    for (const { google, provider } of sides) {
      await provider.close?.();
      expect(google.server.violations).toEqual([]);
      await google.close();
    }
  });

  it(`come to the same by ${runs} calls, to the same state and under the same faults`, async () => {
    const failures = new Map<unknown, number>();
    let successes = 0;
    await fc.assert(
      fc.asyncProperty(calls, faults, async (call, fault) => {
        const [overSdk, lean] = await Promise.all([outcomeOf(sides[0], call, fault), outcomeOf(sides[1], call, fault)]);
        expect(lean, call.title).toEqual(overSdk);
        if ("gave" in overSdk) successes += 1;
        else {
          const { code } = overSdk.failed as { code: unknown };
          failures.set(code, (failures.get(code) ?? 0) + 1);
        }
      }),
      // What came before changed the state, so a smaller example proves nothing.
      { numRuns: runs, endOnFailure: true },
    );
    const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `gcp over ${sdk}: ${successes + failed} cases: ${successes} equal records, ${failed} equal failures of ${failures.size} codes`,
    );
    expect(successes).toBeGreaterThan(runs / 20);
    expect(failures.size).toBeGreaterThan(1);
  }, 120_000);

  it("differ from a twin that reads the newest version whatever was asked for", async () => {
    const [overSdk, { google, provider }] = sides;
    const naive: GcpProvider = { ...provider, read: ({ path }, context) => provider.read({ path }, context) };
    let different = 0;
    const asked = [{}, { version: "1" }, { version: "2" }, { version: "9" }];
    for (const side of sides) for (const value of ["one", "two"]) side.google.server.seed("twin", value);
    for (const which of asked) {
      const read: Call = { title: "read", run: (one, context) => one.read({ path: "twin", ...which }, context) };
      const [told, twin] = [
        await outcomeOf(overSdk, read, undefined),
        await outcomeOf({ google, provider: naive }, read, undefined),
      ];
      if (JSON.stringify(told) !== JSON.stringify(twin)) different += 1;
    }
    console.log(`gcp over ${sdk}: a naive twin differs in ${different} of ${asked.length} cases`);
    expect(different).toBe(2);
  });
});
