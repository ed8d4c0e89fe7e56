import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundle } from "../bundle.ts";
import { type Burst, runBurst } from "../burst/run-burst.ts";
import { startThrottlingServer } from "../burst/throttling-server.ts";

// AWS lets 10,000 single reads and 100 batches a second through. With a hundredth of that, 50 processes are what 5,000 copies are there.
const isSlow = process.env.KEYHOLD_SLOW !== undefined;
const [copies, quotas] = isSlow ? [50, { single: 100, batch: 1 }] : [8, { single: 32, batch: 1 }];
const names = Array.from({ length: 10 }, (_, index) => `prod/secret-${index}`).join(",");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-burst-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function burst(program: string, environment: Readonly<Record<string, string>> = {}): Promise<Burst> {
  const { file } = await bundle(path.join(import.meta.dirname, "../burst", `${program}.ts`), folder);
  const server = await startThrottlingServer(quotas);
  try {
    const result = await runBurst(server, { file, copies, environment: { NAMES: names, ...environment } });
    expect(server.violations).toEqual([]);
    return result;
  } finally {
    await server.close();
  }
}

const show = (rows: Readonly<Record<string, Burst>>) => {
  console.log(
    `lambda: ${copies} processes at once, 10 secrets each, ${quotas.single} single reads and ${quotas.batch} batch a second are let through`,
  );
  for (const [name, { calls, throttled, failures, lastReadyMs }] of Object.entries(rows)) {
    const counts = `${String(calls).padStart(5)} calls, ${String(throttled).padStart(5)} throttled, ${failures.length} failed`;
    console.log(`  ${name.padEnd(34)}${counts}, the last ready after ${(lastReadyMs / 1_000).toFixed(1)} s`);
  }
};

it("copies that start together all get their secrets, however much is throttled", async () => {
  const ours = await burst("reader");
  show({ withSecrets: ours });
  expect(ours.failures).toEqual([]);
});

it("so they do without jitter, and with AWS's SDK as it comes they do not", async (test) => {
  if (!isSlow) return test.skip("200 processes more; KEYHOLD_SLOW=1 starts them");
  const rows = {
    withSecrets: await burst("reader"),
    "withSecrets, without jitter": await burst("reader", { JITTER: "no" }),
    "AWS's SDK, a call for each": await burst("sdk-reader"),
    "AWS's SDK, one call": await burst("sdk-batch-reader"),
  };
  show(rows);
  expect(rows.withSecrets.failures).toEqual([]);
  expect(rows.withSecrets.throttled).toBeGreaterThan(0);
  expect(rows["AWS's SDK, one call"].failures.length).toBeGreaterThan(0);
});
