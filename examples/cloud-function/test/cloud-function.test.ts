import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundle } from "../bundle.ts";
import { type Cloud, startCloud } from "../cloud.ts";
import { type RunningFunction, runFunction } from "../run-function.ts";

const canary = "canary-51c0de";
let folder: string;
let cloud: Cloud;
/** With the example's own freshness, and one that reads at each request. */
let held: RunningFunction;
let fresh: RunningFunction;

beforeAll(async () => {
  const dist = path.join(import.meta.dirname, "../dist");
  await mkdir(dist, { recursive: true });
  folder = await mkdtemp(path.join(dist, "test-"));
  cloud = await startCloud(folder);
  cloud.google.seed("openai", `${canary}-key`);
  cloud.google.seed("db", JSON.stringify({ password: `${canary}-password` }));
  const { file, bytes } = await bundle(folder);
  console.log(`cloud function: bundled ${(bytes / 1024).toFixed(0)} KiB`);
  held = await runFunction(file, cloud.environment);
  fresh = await runFunction(file, { ...cloud.environment, TTL_MS: "0" });
});
afterAll(async () => {
  await held?.process.stop();
  await fresh?.process.stop();
  await cloud?.close();
  await rm(folder, { recursive: true, force: true });
});

const ask = async ({ url }: RunningFunction) => {
  const answer = await fetch(url);
  return { status: answer.status, body: await answer.json() };
};
const accesses = () => cloud.google.requests.filter(({ request }) => request.path.endsWith(":access")).length;

it("answers from what it read when it started, and reads nothing for further requests", async () => {
  const answer = { status: 200, body: { apiKey: "1", password: "1" } };
  expect([await ask(held), await ask(fresh)]).toEqual([answer, answer]);
  const before = accesses();
  expect(await ask(held)).toEqual(answer);
  expect(accesses()).toBe(before);
  expect(cloud.google.violations).toEqual([]);
});

it("sees a rotation with the next request that wants newer values", async () => {
  cloud.google.seed("openai", `${canary}-rotated`);
  expect(await ask(fresh)).toEqual({ status: 200, body: { apiKey: "2", password: "1" } });
  expect(await ask(held)).toEqual({ status: 200, body: { apiKey: "1", password: "1" } });
});

it("lives on when a secret cannot be read, and answers as soon as it can", async () => {
  cloud.google.faults.next({ kind: "status", status: 403 }, { times: 2 });
  expect(await ask(fresh)).toMatchObject({ status: 503 });
  cloud.google.faults.clear();
  await expect.poll(() => ask(fresh), { timeout: 30_000, interval: 500 }).toMatchObject({ status: 200 });
  expect(fresh.process.output()).toContain("permission-denied");
});

it("goes on with what it holds while Google does not answer", async () => {
  cloud.google.faults.next({ kind: "status", status: 503 }, { times: 100 });
  expect(await ask(fresh)).toEqual({ status: 200, body: { apiKey: "2", password: "1" } });
  cloud.google.faults.clear();
});

it("prints no value", () => {
  const printed = held.process.output() + fresh.process.output();
  expect(printed).toContain("⟦secret⟧");
  expect(printed).not.toContain(canary);
});
