import type { AwsProvider } from "@keyhold/aws";
import { type Content, isSecretsError, type Provider, type SecretRecord, SecretsError } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import { transports } from "./support/transports.ts";

const numRuns = Math.max(220, Number(process.env.KEYHOLD_RUNS ?? 0) / 10);
/** Far more than it takes on a busy machine. */
const timeout = 120_000 + 200 * numRuns;
const seed = Number(process.env.KEYHOLD_SEED ?? Date.now() % 2 ** 31);
const [sdk, lean] = transports.map(({ aws }) => aws) as [(typeof transports)[number]["aws"], (typeof transports)[number]["aws"]];

let server: AwsServer;
/** Versions of `diff/text`, the older first. */
let versions: readonly string[];
beforeAll(async () => {
  server = await startAws();
  const provider = open(lean);
  const write = async (path: string, value: string | Uint8Array) =>
    (await provider.write!({ path }, { kind: "opaque", value }, {}, callContext())).version;
  versions = [await write("diff/text", "one ☂"), await write("diff/text", '{"a":"\\u0000 two"}')];
  await write(
    "diff/bytes",
    Uint8Array.from({ length: 300 }, (_byte, index) => index % 256),
  );
  await write("diff/gone", "v");
  await write("diff/denied", "v");
  await provider.remove!({ path: "diff/gone" }, {}, callContext());
  await provider.close?.();
  server.deny("*", "diff/denied");
});
afterAll(() => server.close());

const open = (aws: typeof lean): AwsProvider =>
  aws({ endpoint: server.url, region: server.region, credentials: server.credentials });

const paths = ["diff/text", "diff/bytes", "diff/gone", "diff/denied", "diff/none", "diff/bad name", "x".repeat(2_049)];
const path = fc.constantFrom(...paths);
const locator = fc.record(
  { path, version: fc.constantFrom(0, 1, "0".repeat(36)), stage: fc.constantFrom("AWSCURRENT", "AWSPREVIOUS", "NONE") },
  { requiredKeys: ["path"] },
);

const errorNames = fc.constantFrom(
  ...["ResourceNotFoundException", "AccessDeniedException", "ThrottlingException", "InternalServiceError", "DecryptionFailure"],
  ...["InvalidRequestException", "InvalidParameterException", "ExpiredTokenException", "LimitExceededException", "AbortError"],
  ...["SomethingNew", "constructor", "__proto__", "TimeoutError", "SyntaxError", ""],
);
const typed = fc
  .tuple(errorNames, fc.constantFrom("", "com.amazonaws.secretsmanager#"), fc.constantFrom("", ":http://internal.example/"))
  .map(([name, before, after]) => `${before}${name}${after}`);
const errorBody = fc.oneof(
  fc.tuple(typed, fc.constantFrom("__type", "code")).map(([type, key]) => JSON.stringify({ [key]: type, Message: "no" })),
  fc.constantFrom("", "{}", "null", "[]", '"text"', "5", "oops", "<html></html>", '{"__type": 5}', '{"Message": "no"}'),
);
const retryAfter = fc.constantFrom(undefined, "3", "soon", "Wed, 21 Oct 2015 07:28:00 GMT");
const failing = fc
  .record({
    status: fc.constantFrom(301, 302, 307, 400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504),
    body: errorBody,
    type: fc.option(typed, { nil: undefined }),
    wait: retryAfter,
  })
  .map(({ status, body, type, wait }): Fault => {
    const headers = { ...(type ? { "x-amzn-errortype": type } : {}), ...(wait ? { "retry-after": wait } : {}) };
    return { kind: "status", status, headers, body };
  });
/** Answers as something between here and AWS might give them: members that are missing, null or of another type. */
const answering = fc
  .oneof(
    fc.record(
      {
        Name: fc.constantFrom("diff/text", null),
        VersionId: fc.constantFrom("v".repeat(36), null, 5, ""),
        SecretString: fc.constantFrom("text", "", null, 5, { a: 1 }),
        SecretBinary: fc.constantFrom("AAEC/w==", "", null, "A", "?"),
        CreatedDate: fc.constantFrom(1_700_000_000.123, 1_700_000_000, 0, null, "1700000000.5", "soon"),
        More: fc.constantFrom(null, 1, { a: [null] }),
      },
      { requiredKeys: [] },
    ),
    fc.constantFrom(null, [], 5, "text", {}),
  )
  .map((answer): Fault => ({ kind: "status", status: 200, body: JSON.stringify(answer) }));
const fault = fc.oneof(
  failing,
  answering,
  fc.constantFrom<Fault>(
    { kind: "reset" },
    { kind: "html" },
    { kind: "invalid-json" },
    { kind: "status", status: 200, body: "" },
  ),
);

const content: fc.Arbitrary<Content> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map((value): Content => ({ kind: "opaque", value })),
  fc.uint8Array({ maxLength: 40 }).map((value): Content => ({ kind: "opaque", value })),
  fc.constantFrom<Content>({ kind: "opaque", value: "x".repeat(65_537) }, { kind: "fields", fields: { a: "b" } }),
);

/** What is asked of both. `name` stands for a secret that only one of them writes, so that both begin alike. */
const cases = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("read", "probe"), at: locator }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read"), at: locator, fault }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("readMany"), paths: fc.array(path, { minLength: 1, maxLength: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("versions"), at: fc.record({ path }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("list"), prefix: fc.constantFrom("diff/", "diff/t", "none", "?") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("list", "probe"), prefix: fc.constant("diff/"), fault: failing }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("write"),
      contents: fc.array(content, { minLength: 1, maxLength: 3 }),
      ifVersion: fc.constantFrom(undefined, null, "newest", "0".repeat(36)),
      idempotencyKey: fc.constantFrom(undefined, "deploy 7"),
      removed: fc.boolean(),
    }),
  },
);
interface Case {
  readonly kind: string;
  readonly at?: { readonly path: string; readonly version?: number | string; readonly stage?: string };
  readonly prefix?: string;
  readonly paths?: readonly string[];
  readonly fault?: Fault;
  readonly contents?: readonly Content[];
  readonly ifVersion?: string | null | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly removed?: boolean;
}

const failure = (error: unknown): unknown => {
  if (!isSecretsError(error)) return { thrown: String(error) };
  return { code: error.code, retryable: error.retryable, retryAfterMs: error.retryAfterMs, provider: error.provider ?? "aws" };
};
const settled = (call: Promise<unknown>) => call.catch(failure);

async function write(provider: Provider, one: Case, name: string): Promise<unknown> {
  const outcomes: unknown[] = [];
  let newest: string | undefined;
  for (const value of one.contents ?? []) {
    const ifVersion = one.ifVersion === "newest" ? newest : one.ifVersion;
    const options = {
      ...(ifVersion === undefined ? {} : { ifVersion }),
      ...(one.idempotencyKey === undefined ? {} : { idempotencyKey: one.idempotencyKey }),
    };
    const outcome = await settled(provider.write!({ path: name }, value, options, callContext()));
    newest = (outcome as { version?: string }).version ?? newest;
    outcomes.push("version" in (outcome as object) ? "written" : outcome);
  }
  if (one.removed) outcomes.push(await settled(provider.remove!({ path: name }, {}, callContext())));
  // Versions and times are the backend's, and differ.
  const record = await settled(provider.read({ path: name }, callContext()));
  outcomes.push("content" in (record as object) ? (record as { content: Content }).content : record);
  return outcomes;
}

async function outcomeOf(provider: Provider, one: Case, name: string): Promise<unknown> {
  const { path = "diff/text", version, stage } = one.at ?? {};
  const at = {
    path,
    ...(version === undefined ? {} : { version: typeof version === "number" ? String(versions[version]) : version }),
    ...(stage === undefined ? {} : { stage }),
  };
  server.faults.clear();
  if (one.fault) server.faults.next(one.fault);
  const context = callContext();
  if (one.kind === "read") return settled(provider.read(at, context));
  if (one.kind === "probe") return settled(provider.probe!(at, context));
  if (one.kind === "versions") return settled(provider.versions!(path, {}, context));
  if (one.kind === "list") return settled(provider.list!({ prefix: one.prefix ?? "" }, context));
  if (one.kind === "write") return write(provider, one, name);
  const many = await provider.readMany!(
    (one.paths ?? []).map((each) => ({ path: each })),
    context,
  );
  return many.map((each) => (isSecretsError(each) ? failure(each) : each));
}

/** Asks both the same, until they differ. */
async function compare(first: Provider, second: Provider) {
  let [done, failed] = [0, 0];
  const property = fc.asyncProperty(cases, async (one) => {
    done += 1;
    const expected = await outcomeOf(first, one as Case, `written/a${done}`);
    const actual = await outcomeOf(second, one as Case, `written/b${done}`);
    if (typeof expected === "object" && expected !== null && "code" in expected) failed += 1;
    expect(actual).toEqual(expected);
  });
  const { failed: different, errorInstance, counterexample } = await fc.check(property, { numRuns, seed, endOnFailure: true });
  return { done, failed, different, reason: errorInstance, counterexample };
}

it("SDK and lean transport give equal records and equal codes for the same server state", { timeout }, async () => {
  const [one, other] = [open(sdk), open(lean)];
  const { done, failed, reason, counterexample } = await compare(one, other);
  if (reason) console.log(`seed ${seed}, case ${done}: ${fc.stringify(counterexample)}`);
  if (reason) throw reason;
  console.log(`aws: ${done} generated cases, ${failed} of them failures: SDK and lean transport agree (seed ${seed})`);
  expect(failed).toBeGreaterThan(50);
  await Promise.all([one.close?.(), other.close?.()]);
});

it("a transport that makes one mistake is found out", { timeout }, async () => {
  const provider = open(lean);
  const withText = (record: SecretRecord): SecretRecord => {
    const { value } = record.content as { value: string | Uint8Array };
    return { ...record, content: { kind: "opaque", value: typeof value === "string" ? value : Buffer.from(value).toString() } };
  };
  const asText: Provider = {
    ...provider,
    read: async (at, context) => withText(await provider.read(at, context)),
    readMany: async (many, context) =>
      (await provider.readMany!(many, context)).map((one) => (isSecretsError(one) ? one : withText(one))),
  };
  const byStatus: Provider = {
    ...provider,
    read: (at, context) =>
      provider.read(at, context).catch((error) => {
        throw isSecretsError(error, "not-found") ? new SecretsError("invalid-argument", "status 400") : error;
      }),
  };
  for (const [mistake, twin] of Object.entries({ "bytes as text": asText, "errors by their status": byStatus })) {
    const { done, different } = await compare(provider, twin);
    console.log(`aws: control, ${mistake}: found at case ${done}`);
    expect(different).toBe(true);
  }
  await provider.close?.();
});
