// The main job: a service whose API key rotates while it runs, and its naive twin, which read the key once at start.
//   npm run demo
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { initStore } from "@keyhold/local";
import { createSecrets, fromFile, fromObject, local, secret, watchConfig } from "keyhold";
import { z } from "zod";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { exitOnSignals } from "../exit-on-signals.ts";
import { load } from "./load.ts";
import { startService } from "./service.ts";
import { startUpstream } from "./upstream.ts";

const rotations = 3;
const rotateEveryMs = 4_500;
const overlapMs = 4_000;
const callsPerSecond = 50;
const say = (text: string) => console.log(text);

exitOnSignals();

// A store and the key that opens it. `npx keyhold init` and `npx keyhold set` do the same.
// The key lies apart from the store: in real life in your config folder, while the store may be committed.
const { path: folder, remove } = await temporaryFolder("demo");
await mkdir(path.join(folder, "project"));
const [storePath, identityPath] = [path.join(folder, "project", "keyhold.age"), path.join(folder, "home", "identity.txt")];
await initStore({ path: storePath, identityPath });
const secrets = createSecrets({ providers: { local: local({ path: storePath, identityPath }) } });
const firstKey = `sk-demo-${randomBytes(24).toString("base64url")}`;
await secrets.put("local://upstream/api-key", firstKey);
say(`1. An encrypted store was made. Look inside while this runs:\n   age -d -i ${identityPath} ${storePath}\n`);

// The upstream that checks the key, and typed config whose fields are references.
const upstream = await startUpstream(firstKey, overlapMs);
const live = await watchConfig({
  secrets,
  sources: [fromFile(path.join(import.meta.dirname, "config.yaml")), fromObject({ upstream: { url: upstream.url } })],
  schema: z.object({
    model: z.string(),
    upstream: z.object({ url: z.url(), apiKey: z.string().startsWith("sk-").transform(secret), timeoutMs: z.number() }),
  }),
});
say("2. The config, typed and printed as it is:");
console.log(live.current);

const { timeoutMs } = live.current.upstream;
const naiveKey = live.current.upstream.apiKey.text();
const service = await startService(upstream.url, timeoutMs, () => live.current.upstream.apiKey.text());
const naiveTwin = await startService(upstream.url, timeoutMs, () => naiveKey);

// Both are called 50 times a second while another process rotates the key.
const [ending, naiveEnding] = [new AbortController(), new AbortController()];
const calls = load(service.url, callsPerSecond, ending.signal);
const naiveCalls = load(naiveTwin.url, callsPerSecond, naiveEnding.signal);
const seen = [{ version: live.current.upstream.apiKey.version, at: Date.now() }];
live.onChange(
  (config) => config.upstream.apiKey,
  (key) => seen.push({ version: key.version, at: Date.now() }),
);
say(
  `\n3. Both services are called ${callsPerSecond} times a second. Another process rotates the key ${rotations} times; the upstream\n   refuses an old key after ${overlapMs / 1000} s.`,
);
for (let turn = 1; turn <= rotations; turn += 1) {
  await sleep(turn === 1 ? 1_000 : rotateEveryMs);
  const rotate = path.join(import.meta.dirname, "rotate.ts");
  await promisify(execFile)(process.execPath, [...process.execArgv, rotate, storePath, identityPath, upstream.url]);
  const rotatedAt = Date.now();
  while (seen.length <= turn && Date.now() - rotatedAt < overlapMs) await sleep(5);
  const inUse = seen[turn];
  say(
    `   rotation ${turn}: ${inUse ? `version ${inUse.version} in use ${Math.max(0, inUse.at - rotatedAt)} ms after it` : "not seen in time"}`,
  );
}
await sleep(overlapMs + 500);
ending.abort();
naiveEnding.abort();
const [ours, naive] = await Promise.all([calls, naiveCalls]);

// Shutdown servers first, then config, then the client.
await Promise.all([service.close(), naiveTwin.close()]);
await live.close();
await secrets.close();
await upstream.close();
await remove();

say(`\n4. ${seen.length} versions of the key were used, with no restart and no retry in the service.\n`);
say(`${ours.calls} calls, ${ours.failed} failed; naive twin: ${naive.failed} failed`);
process.exitCode = ours.failed === 0 && naive.failed > 0 && seen.length === rotations + 1 ? 0 : 1;
