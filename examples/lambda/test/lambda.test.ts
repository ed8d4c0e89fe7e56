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
import { type FunctionOptions, type LambdaFunction, lambdaFunction } from "../sandbox.ts";

const names = ["versions", "slow-start", "misspelt", "naive"] as const;
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
  const made = lambdaFunction({ timeoutMs: 5_000, ...options, file: bundles.get(name)?.file ?? "", environment });
  open.push(made);
  return made;
}
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

  it("sees a rotation after a thaw, by one read, and reads nothing in between", async () => {
    const one = sandboxOf("versions", { environment: { MAX_AGE_MS: "400" } });
    await one.invoke({});
    for (let turn = 1; turn <= 5; turn += 1) {
      const version = await rotate();
      await sleep(450);
      aws.forgetCalls();
      expect(await one.invoke({})).toMatchObject({ payload: { apiKey: version } });
      await one.invoke({});
      expect(reads().map(({ action }) => action)).toEqual(["BatchGetSecretValue"]);
    }
    expect(one.starts).toBe(1);
  });
});
