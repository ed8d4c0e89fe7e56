// A function of Google Cloud, bundled and run by Google's own Functions Framework.
//   node scripts/run.mjs node examples/cloud-function/main.ts
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { bundle } from "./bundle.ts";
import { startCloud } from "./cloud.ts";
import { runFunction } from "./run-function.ts";

// Here, so that the bundle finds the framework beside it.
const dist = path.join(import.meta.dirname, "dist");
await mkdir(dist, { recursive: true });
const folder = await mkdtemp(path.join(dist, "run-"));
const cloud = await startCloud(folder);
try {
  cloud.google.seed("openai", "sk-demo-one");
  cloud.google.seed("db", JSON.stringify({ password: "sk-demo-two" }));
  const { file, bytes } = await bundle(folder);
  console.log(`function.ts: ${(bytes / 1024).toFixed(0)} KiB`);
  const running = await runFunction(file, { ...cloud.environment, TTL_MS: "0" });
  const ask = async () => JSON.stringify(await (await fetch(running.url)).json());
  console.log(`answered with versions ${await ask()}`);
  cloud.google.seed("openai", "sk-demo-three");
  console.log(`after a rotation with    ${await ask()}`);
  await running.process.stop();
  console.log(running.process.output().trim());
} finally {
  await cloud.close();
  await rm(folder, { recursive: true, force: true });
}
