// Starts the scoring service as production would run it, with a real PostgreSQL, OpenBao on raft, an inference API and a registry.
//   npm run example:ml-service
import { startCloud } from "./start-cloud.ts";
import { startProgram } from "./start-program.ts";

// Before the service runs there is nothing to give back: what has been started is killed by the exit.
let stop = (): void => process.exit(130);
// Ctrl-C can come twice: from the terminal, and from npm or the script that runs this one.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop());
const rotateEveryMs = 30_000;
const cloud = await startCloud({
  deployment: "production",
  lease: { ttlSeconds: 60, maxTtlSeconds: 300 },
  keyOverlapMs: 15_000,
});
const service = await startProgram("service.ts", cloud.environment);
const stopped = new Promise<void>((resolve) => {
  stop = resolve;
});
console.log(`The service runs. Look at
  ${service.url}/score/42
  ${service.url}/readyz     which secrets are in use: version, age, lease; never a value
  ${service.url}/healthz

The inference key rotates every ${rotateEveryMs / 1_000} s, and the database login is leased for a minute at a time:
  while sleep 1; do curl -s ${service.url}/score/42; echo; done

OpenBao itself:
  curl -s -H "X-Vault-Token: ${cloud.bao.rootToken}" ${cloud.bao.url}/v1/secret/metadata/production/inference

Ctrl-C stops everything; the service gives its lease back.`);
const rotating = setInterval(() => {
  cloud.rotateKey().catch((error) => console.error(`the key did not rotate: ${error}`));
}, rotateEveryMs);
await stopped;
clearInterval(rotating);
await service.end("leases revoked");
console.log(`\n${service.output().trim().split("\n").at(-1)}; database users left: ${(await cloud.logins()).length}`);
await cloud.close();
