import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  type PutSecretValueCommandOutput,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import { type Bundle, bundle } from "../bundle.ts";
import type { Outcome } from "../runtime-api.ts";
import { type FunctionOptions, type LambdaFunction, lambdaFunction } from "../sandbox.ts";

const names = ["versions", "slow-start", "misspelt", "naive", "naive-waiting"] as const;
const canary = "canary-7f3a9c";

let aws: AwsServer;
let client: SecretsManagerClient;
let folder: string;
const bundles = new Map<string, Bundle>();
const open: LambdaFunction[] = [];

beforeAll(async () => {
  aws = await startAws();
  client = new SecretsManagerClient({ endpoint: aws.url, region: aws.region, credentials: aws.credentials });
  await client.send(new CreateSecretCommand({ Name: "prod/openai", SecretString: value("one") }));
  await client.send(new CreateSecretCommand({ Name: "prod/webhook", SecretString: `${canary}-webhook` }));
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-lambda-"));
  const sources = [...names.map((name) => path.join(import.meta.dirname, "handlers", `${name}.ts`)), ...examples];
  for (const source of sources) bundles.set(path.basename(source, ".ts"), await bundle(source, folder));
});
afterAll(async () => {
  client?.destroy();
  await aws?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => aws.forgetCalls());
afterEach(async () => {
  for (const one of open) {
    expect(one.api?.violations).toEqual([]);
    expect(one.output).not.toContain(canary);
    await one.close();
  }
  open.length = 0;
  expect(aws.violations).toEqual([]);
  aws.faults.clear();
});

const examples = ["handler", "middy-handler"].map((name) => path.join(import.meta.dirname, "..", `${name}.ts`));
const value = (text: string) => JSON.stringify({ apiKey: `${canary}-${text}` });
const rotate = async (): Promise<string> => {
  const put = new PutSecretValueCommand({ SecretId: "prod/openai", SecretString: value(String(Math.random())) });
  return ((await client.send(put)) as PutSecretValueCommandOutput).VersionId ?? "";
};
const reads = () => aws.calls().filter(({ action }) => /^(Batch)?GetSecretValue$/.test(action));

function sandboxOf(name: string, options: Partial<FunctionOptions> = {}): LambdaFunction {
  const environment = {
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: aws.url,
    ...options.environment,
  };
  const made = lambdaFunction({ timeoutMs: 30_000, ...options, file: bundles.get(name)?.file ?? "", environment });
  open.push(made);
  return made;
}
const isSlow = process.env.KEYHOLD_SLOW !== undefined;
const timeout = 120_000;
const skipOnWindows = process.platform === "win32";

describe("the bundle", () => {
  it("holds no vendor's SDK, while that of the naive twin does", () => {
    const packages = (name: string) =>
      new Set(bundles.get(name)?.inputs.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []));
    const kib = (name: string) => `${((bundles.get(name)?.bytes ?? 0) / 1024).toFixed(0)} KiB`;
    console.log(`lambda: bundled with withSecrets ${kib("handler")}, the naive twin with AWS's SDK ${kib("naive")}`);
    expect([...packages("handler")]).toEqual(["lru-cache"]);
    expect([...packages("naive")]).toContain("@aws-sdk/client-secrets-manager");
  });
});

describe.skipIf(skipOnWindows)("a function in its sandbox", () => {
  it("reads while the runtime initialises, all in one call", async () => {
    const one = sandboxOf("slow-start", { environment: { START_MS: "500" } });
    expect(await one.invoke({})).toMatchObject({ kind: "response" });
    expect(reads().map(({ action }) => action)).toEqual(["BatchGetSecretValue"]);
    const asked = one.api?.calls.find(({ call }) => call === "next")?.at ?? 0;
    const answered = one.api?.calls.find(({ call }) => call === "response")?.at ?? 0;
    console.log(`lambda: first answer ${answered - asked} ms after the init phase`);
    expect(await one.invoke({})).toMatchObject({ kind: "response" });
    expect(reads()).toHaveLength(1);
  });

  it("holds what it read: no read for the next invocations", async () => {
    const one = sandboxOf("versions");
    for (let turn = 0; turn < 5; turn += 1) expect(await one.invoke({})).toMatchObject({ kind: "response" });
    expect(reads()).toHaveLength(1);
  });

  it("sees a rotation after a thaw, by one read of all that is too old", async () => {
    const one = sandboxOf("versions", { environment: { MAX_AGE_MS: "400" } });
    await one.invoke({});
    for (let turn = 1; turn <= 5; turn += 1) {
      const version = await rotate();
      await sleep(450);
      aws.forgetCalls();
      expect(await one.invoke({})).toMatchObject({ payload: { apiKey: version } });
      expect(reads().map(({ action }) => action)).toEqual(["BatchGetSecretValue"]);
    }
    expect(one.starts).toBe(1);
  });

  it("that was provisioned has read before its first invocation, and after its thaw reads what is too old", async () => {
    const one = sandboxOf("slow-start", { environment: { START_MS: "1500", MAX_AGE_MS: "400" } });
    await one.provision();
    expect(reads()).toHaveLength(1);
    const version = await rotate();
    await sleep(450);
    expect(await one.invoke({})).toMatchObject({ payload: { apiKey: version } });
    expect(reads()).toHaveLength(2);
  });

  it("gets its secrets through middy's own engine as well", async () => {
    const one = sandboxOf("middy-handler");
    const version = await rotate();
    expect(await one.invoke({})).toMatchObject({ payload: { apiKey: version } });
    expect(await one.invoke({})).toMatchObject({ payload: { apiKey: version } });
    expect(reads()).toHaveLength(1);
  });

  it.each([
    ["malformed", "prod/openai"],
    ["of no provider of this function's", "awz://prod/openai"],
  ])("tells of a reference that is %s at each invocation, and starts once", async (_what, REFERENCE) => {
    const one = sandboxOf("misspelt", { environment: { REFERENCE } });
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await one.invoke({})).toMatchObject({ kind: "error", errorType: "SecretsError" });
    }
    expect(one.starts).toBe(1);
  });
});

describe.skipIf(skipOnWindows)("while AWS does not answer", () => {
  const turns = 2;
  const timeoutMs = 3_000;
  const hang = () => aws.faults.next({ kind: "hang" }, { times: 1_000 });
  const invokeTimes = async (one: LambdaFunction) => {
    const outcomes: string[] = [];
    for (let turn = 0; turn < turns; turn += 1) outcomes.push((await one.invoke({})).kind);
    return outcomes;
  };

  it("a function that holds nothing says so within its timeout, in one sandbox, and works as soon as AWS does", async () => {
    const [one, naive] = [sandboxOf("versions", { timeoutMs }), sandboxOf("naive", { timeoutMs })];
    hang();
    const [outcomes, naiveOutcomes] = await Promise.all([invokeTimes(one), invokeTimes(naive)]);
    expect(outcomes).toEqual(Array(turns).fill("error"));
    aws.faults.clear();
    expect(await one.invoke({})).toMatchObject({ kind: "response" });
    console.log(
      `lambda: AWS does not answer, ${turns} invocations: ours ${one.starts} sandbox, errors with a reason;` +
        ` naive twin ${naive.starts} sandboxes, ${naiveOutcomes.join(", ")}`,
    );
    expect(one.starts).toBe(1);
    expect(naiveOutcomes).toEqual(Array(turns).fill("timeout"));
    expect(naive.starts).toBe(turns);
  });

  it("a function that holds older values goes on with them, and does not wait for newer ones each time", async () => {
    const one = sandboxOf("versions", { timeoutMs, environment: { MAX_AGE_MS: "0" } });
    const before = await one.invoke({});
    hang();
    const startedAt = Date.now();
    for (let turn = 0; turn < 10; turn += 1) expect(await one.invoke({})).toMatchObject(withoutTime(before));
    console.log(`lambda: AWS does not answer, 10 invocations with older values took ${Date.now() - startedAt} ms`);
    aws.faults.clear();
    expect(one.starts).toBe(1);
  });
});

describe.skipIf(skipOnWindows)("while AWS refuses", () => {
  it("a function says so at each invocation in one sandbox, and its naive twin starts anew each time", async () => {
    const allow = aws.deny("*");
    const [one, naive] = [sandboxOf("versions"), sandboxOf("naive-waiting")];
    const [ours, naives]: [Outcome[], Outcome[]] = [[], []];
    for (let turn = 0; turn < 3; turn += 1) {
      ours.push(await one.invoke({}));
      naives.push(await naive.invoke({}));
    }
    allow();
    for (const outcome of ours) expect(outcome).toMatchObject({ kind: "error", errorType: "SecretsError" });
    for (const outcome of naives) expect(outcome).toMatchObject({ kind: "init-error" });
    console.log(`lambda: AWS denies, 3 invocations: ours ${one.starts} sandbox, naive twin ${naive.starts}`);
    expect([one.starts, naive.starts]).toEqual([1, 3]);
  });

  it("and then allows it, the same sandbox works, and that of a twin that keeps its promise never does", {
    timeout,
  }, async (test) => {
    if (!isSlow) return test.skip("a refusal is remembered for 5 s; KEYHOLD_SLOW=1 waits for it");
    const allow = aws.deny("*");
    const [one, naive] = [sandboxOf("versions"), sandboxOf("naive")];
    expect([(await one.invoke({})).kind, (await naive.invoke({})).kind]).toEqual(["error", "error"]);
    allow();
    await sleep(6_000);
    expect([(await one.invoke({})).kind, (await naive.invoke({})).kind]).toEqual(["response", "error"]);
    expect([one.starts, naive.starts]).toEqual([1, 1]);
  });
});

describe.skipIf(skipOnWindows)("a freeze of many seconds", () => {
  it("that outlives the kept connection costs no failed invocation and one read", { timeout }, async (test) => {
    if (!isSlow) return test.skip("the server keeps a connection for 5 s; KEYHOLD_SLOW=1 waits for it");
    const one = sandboxOf("versions", { environment: { MAX_AGE_MS: "1000" } });
    await one.invoke({});
    for (let turn = 0; turn < 3; turn += 1) {
      const version = await rotate();
      await sleep(8_000);
      aws.forgetCalls();
      expect(await one.invoke({})).toMatchObject({ payload: { apiKey: version } });
      expect(reads()).toHaveLength(1);
    }
    expect(one.starts).toBe(1);
  });

  it("in the middle of the first read fails nothing", { timeout }, async (test) => {
    if (!isSlow) return test.skip("it waits until the read is overdue; KEYHOLD_SLOW=1 does");
    aws.faults.next({ kind: "hang" });
    const one = sandboxOf("versions", { timeoutMs: 10_000 });
    await one.provision();
    await sleep(12_000);
    expect(await one.invoke({})).toMatchObject({ kind: "response" });
    expect(one.starts).toBe(1);
  });
});

function withoutTime(outcome: Outcome): object {
  const { apiKey, signingKey } = (outcome as { payload: Record<string, unknown> }).payload;
  return { kind: "response", payload: { apiKey, signingKey } };
}
