import { aws } from "@keyhold/aws";
import { createSecrets, type Secret, type SecretsError } from "@keyhold/core";
import { callContext, manualClock } from "@keyhold/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";

const paths = Array.from({ length: 50 }, (_path, index) => `batching/${index}`);
const references = paths.map((path) => `aws://${path}` as const);

let server: AwsServer;
beforeAll(async () => {
  server = await startAws();
  const provider = open();
  for (const path of paths) await provider.write!({ path }, { kind: "opaque", value: path }, {}, callContext());
  await provider.close?.();
});
afterAll(() => server.close());
beforeEach(() => server.forgetCalls());

const open = () => aws({ endpoint: server.url, region: server.region, credentials: server.credentials });

/** Holds nothing, so that each call asks. The clock moves only by hand, so that no quiet time runs out by itself. */
function client(options: { readonly batch?: boolean } = {}) {
  const clock = manualClock();
  const secrets = createSecrets({
    providers: { aws: open() },
    clock,
    cache: { ttlMs: 0, maxStaleMs: 0, negativeMs: 0 },
    ...options,
  });
  return { clock, secrets };
}

const calls = () => [server.calls("BatchGetSecretValue").length, server.calls("GetSecretValue").length];
const texts = (found: readonly (Secret | SecretsError)[]) => found.map((one) => ("code" in one ? one.code : one.text()));

describe("fifty secrets", () => {
  it("are read in three batches, or one by one with { batch: false }", async () => {
    const { secrets } = client();
    expect(texts(await secrets.getMany(references))).toEqual(paths);
    expect(calls()).toEqual([3, 0]);
    server.forgetCalls();
    const other = client({ batch: false });
    expect(texts(await other.secrets.getMany(references))).toEqual(paths);
    expect(calls()).toEqual([0, 50]);
    await Promise.all([secrets.close(), other.secrets.close()]);
  });

  it("are read one by one where the batch is denied, which is remembered for ten minutes", async () => {
    const { clock, secrets } = client();
    const allow = server.deny("BatchGetSecretValue");
    expect(texts(await secrets.getMany(references))).toEqual(paths);
    expect(calls()[1]).toBe(50);
    allow();
    server.forgetCalls();
    await clock.advance(599_000);
    expect(texts(await secrets.getMany(references))).toEqual(paths);
    expect(calls()).toEqual([0, 50]);
    server.forgetCalls();
    await clock.advance(1_000);
    expect(texts(await secrets.getMany(references))).toEqual(paths);
    expect(calls()).toEqual([3, 0]);
    await secrets.close();
  });

  it("of which one batch is throttled keep those of the others, and are read one by one for a minute", async () => {
    const { clock, secrets } = client();
    server.fail("ThrottlingException", { times: 1, match: /^BatchGetSecretValue/ });
    expect(texts(await secrets.getMany(references))).toEqual(paths);
    const [batches, singles] = calls();
    expect(singles).toBeGreaterThanOrEqual(10);
    expect(singles).toBeLessThan(50);
    expect(batches).toBeLessThanOrEqual(3);
    server.forgetCalls();
    await clock.advance(59_000);
    await secrets.getMany(references);
    expect(calls()).toEqual([0, 50]);
    server.forgetCalls();
    await clock.advance(1_000);
    await secrets.getMany(references);
    expect(calls()).toEqual([3, 0]);
    await secrets.close();
  });

  it("fail each for itself, and one that is denied or missing ends no batches", async () => {
    const { secrets } = client();
    const allow = server.deny("GetSecretValue", "batching/1");
    const wanted = [...references.slice(0, 3), "aws://batching/none", "aws://batching/2?stage=AWSCURRENT"] as const;
    expect(texts(await secrets.getMany(wanted, { settle: true }))).toEqual([
      "batching/0",
      "permission-denied",
      "batching/2",
      "not-found",
      "batching/2",
    ]);
    allow();
    server.forgetCalls();
    await secrets.getMany(references);
    expect(calls()).toEqual([3, 0]);
    await secrets.close();
  });

  it("asked for by a get each take a call each: a batch has a hundredth of the quota", async () => {
    const { secrets } = client();
    expect(texts(await Promise.all(references.map((reference) => secrets.get(reference))))).toEqual(paths);
    expect(calls()).toEqual([0, 50]);
    await secrets.close();
  });
});
