// A function of Azure, as far as it runs without its host: invoke.ts says what that leaves out.
//   npm run example:azure-function
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { exitOnSignals } from "../exit-on-signals.ts";
import { startCloud } from "./cloud.ts";

exitOnSignals();
const { path: folder, remove } = await temporaryFolder("azure-function");
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
  console.log(`answered with versions  ${await invoke()}`);
  cloud.azure.seed("openai", "sk-demo-three");
  console.log(`after a rotation with   ${await invoke()}`);
  child.stdin.end();
  await once(child, "exit");
} finally {
  await cloud.close();
  await remove();
}
