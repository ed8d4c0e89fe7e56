import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cloud, startCloud } from "../cloud.ts";

const canary = "canary-2b77e1";
let folder: string;
let cloud: Cloud;
let child: ChildProcess;
let printed = "";

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-azure-function-"));
  cloud = await startCloud(folder);
  cloud.azure.seed("openai", `${canary}-key`);
  cloud.azure.seed("db", JSON.stringify({ password: `${canary}-password` }));
  const program = path.join(import.meta.dirname, "../invoke.ts");
  child = spawn(process.execPath, ["--conditions=@keyhold/source", program], {
    env: { PATH: process.env.PATH, ...cloud.environment, TTL_MS: "0" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
  }
});
afterAll(async () => {
  child?.kill();
  await cloud?.close();
  await rm(folder, { recursive: true, force: true });
});

async function invoke(): Promise<{ status: number; body: Record<string, string> }> {
  child.stdin?.write("invoke\n");
  return JSON.parse(String((await once(child.stdout as NodeJS.ReadableStream, "data"))[0]));
}

it("answers by the app's managed identity", async () => {
  expect(await invoke()).toMatchObject({ status: 200, body: { apiKey: expect.stringMatching(/^[0-9a-f]{32}$/) } });
  expect(cloud.azure.violations).toEqual([]);
});

it("sees a rotation with the next invocation", async () => {
  const before = await invoke();
  cloud.azure.seed("openai", `${canary}-rotated`);
  const after = await invoke();
  expect(after.body.apiKey).not.toBe(before.body.apiKey);
  expect(after.body.password).toBe(before.body.password);
});

it("lives on when a secret cannot be read, and answers as soon as it can", async () => {
  cloud.azure.faults.next({ kind: "status", status: 403 }, { times: 2 });
  expect(await invoke()).toMatchObject({ status: 503 });
  cloud.azure.faults.clear();
  await expect.poll(invoke, { timeout: 30_000, interval: 500 }).toMatchObject({ status: 200 });
});

it("goes on with what it holds while the vault does not answer", async () => {
  const before = await invoke();
  cloud.azure.faults.next({ kind: "status", status: 503 }, { times: 100 });
  expect(await invoke()).toEqual(before);
  cloud.azure.faults.clear();
});

it("says itself that it runs without its host, and prints no value", () => {
  expect(printed).toContain('Skipping call to register function "answer"');
  expect(printed).toContain("⟦secret⟧");
  expect(printed).not.toContain(canary);
});
