// A function of Google Cloud, bundled and run by Google's own Functions Framework.
//   npm run example:cloud-function
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { exitOnSignals } from "../exit-on-signals.ts";
import { bundle } from "./bundle.ts";
import { startCloud } from "./cloud.ts";
import { runFunction } from "./run-function.ts";

exitOnSignals();

// Here, so that the bundle finds the framework beside it.
const dist = path.join(import.meta.dirname, "dist");
await mkdir(dist, { recursive: true });
const { path: folder, remove } = await temporaryFolder("function", dist);
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
  await remove();
}
