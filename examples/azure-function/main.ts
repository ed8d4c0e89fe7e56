// A function of Azure, as far as it runs without its host: invoke.ts says what that leaves out.
//   node scripts/run.mjs node examples/azure-function/main.ts
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startCloud } from "./cloud.ts";

const folder = await mkdtemp(path.join(tmpdir(), "keyhold-azure-function-"));
const cloud = await startCloud(folder);
try {
  cloud.azure.seed("openai", "sk-demo-one");
  cloud.azure.seed("db", JSON.stringify({ password: "sk-demo-two" }));
  const child = spawn(process.execPath, ["--conditions=@keyhold/source", path.join(import.meta.dirname, "invoke.ts")], {
    env: { PATH: process.env.PATH, ...cloud.environment, TTL_MS: "0" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  const invoke = async () => {
    child.stdin.write("invoke\n");
    return String((await once(child.stdout, "data"))[0]).trim();
  };
  console.log(`answered          ${await invoke()}`);
  cloud.azure.seed("openai", "sk-demo-three");
  console.log(`after a rotation  ${await invoke()}`);
  child.stdin.end();
  await once(child, "exit");
} finally {
  await cloud.close();
  await rm(folder, { recursive: true, force: true });
}
