// A function of Lambda, bundled and run in a sandbox that is frozen between invocations, while its API key rotates.
//   npm run example:lambda
import { randomBytes } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";
import { startAws } from "../../test/servers/aws/start-aws.ts";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { exitOnSignals } from "../exit-on-signals.ts";
import { startUpstream } from "../quickstart/upstream.ts";
import { bundle } from "./bundle.ts";
import { type LambdaFunction, lambdaFunction } from "./sandbox.ts";

const rotations = 2;
const rotateEveryMs = 4_000;
const overlapMs = 3_500;
const invokeEveryMs = 300;
const newKey = () => `sk-demo-${randomBytes(24).toString("base64url")}`;

exitOnSignals();
const server = await startAws();
const { url: endpoint, region, credentials } = server;
const secrets = createSecrets({ providers: { aws: aws({ endpoint, region, credentials }) } });
let key = newKey();
await secrets.put("aws://prod/openai", { apiKey: key });
await secrets.put("aws://prod/webhook", randomBytes(32));
const model = await startUpstream(key, overlapMs);

const { path: folder, remove } = await temporaryFolder("lambda");
const make = async (name: string): Promise<LambdaFunction> => {
  const { file, bytes } = await bundle(path.join(import.meta.dirname, name), folder);
  console.log(`${name}: ${(bytes / 1024).toFixed(0)} KiB`);
  return lambdaFunction({
    file,
    environment: {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint,
      MODEL_URL: model.url,
    },
  });
};

/** Invokes it again and again, frozen in between. An answer other than 200 is a failure. */
async function load(one: LambdaFunction, signal: AbortSignal): Promise<{ invocations: number; failed: number }> {
  const result = { invocations: 0, failed: 0 };
  while (!signal.aborted) {
    const outcome = await one.invoke({ prompt: "What is six times seven?" });
    result.invocations += 1;
    const { statusCode } = (outcome.kind === "response" ? outcome.payload : {}) as { statusCode?: number };
    if (statusCode !== 200) result.failed += 1;
    await sleep(invokeEveryMs);
  }
  return result;
}

try {
  const [ours, naive] = [await make("handler.ts"), await make("naive-handler.ts")];
  server.forgetCalls();
  const ending = new AbortController();
  const loads = Promise.all([load(ours, ending.signal), load(naive, ending.signal)]);
  for (let turn = 0; turn < rotations; turn += 1) {
    await sleep(rotateEveryMs);
    const next = newKey();
    await fetch(`${model.url}/keys`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: next });
    await secrets.put("aws://prod/openai", { apiKey: next });
    key = next;
    console.log(`rotation ${turn + 1}: the model refuses the key before in ${overlapMs / 1000} s`);
  }
  await sleep(rotateEveryMs);
  ending.abort();
  const [result, naiveResult] = await loads;
  await Promise.all([ours.close(), naive.close()]);
  const reads = server.calls("BatchGetSecretValue").length;
  console.log(`${result.invocations} invocations in ${ours.starts} sandbox, ${reads} reads of both secrets`);
  console.log(
    `${result.failed} of ${result.invocations} failed; naive twin: ${naiveResult.failed} of ${naiveResult.invocations}`,
  );
  process.exitCode = result.failed === 0 && naiveResult.failed > 0 ? 0 : 1;
} finally {
  await secrets.close();
  await model.close();
  await server.close();
  await remove();
}
