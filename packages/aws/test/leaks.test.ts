import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { callContext, findLeak } from "@keyhold/testing";
import { expect, it } from "vitest";
import { startAws } from "../../../test/servers/aws/start-aws.ts";
import type { Fault } from "../../../test/servers/faults.ts";
import { transports } from "./support/transports.ts";

it("no failure shows a credential or a value; those of the bare SDK do", async () => {
  const server = await startAws();
  const credentials = server.addCredentials({ temporary: true });
  const canaries = [credentials.secretAccessKey, String(credentials.sessionToken), "canary-value-8f3a61"];
  const common = { endpoint: server.url, region: server.region, credentials };
  const providers = transports.map(({ aws }) => aws(common));
  const bare = new SecretsManagerClient({ ...common, maxAttempts: 1 });
  const body = JSON.stringify({ __type: "AccessDeniedException", Message: "canary-value-8f3a61" });
  const faults: readonly (Fault | undefined)[] = [
    undefined,
    { kind: "status", status: 403, body },
    { kind: "status", status: 429, body },
    { kind: "status", status: 500, body },
    { kind: "status", status: 503, body: "canary-value-8f3a61" },
    { kind: "reset" },
    { kind: "html" },
    { kind: "invalid-json" },
    { kind: "redirect", location: "http://127.0.0.1:9/canary-value-8f3a61" },
  ];
  let leaks = 0;
  let bareSdkLeaks = 0;
  for (const fault of faults) {
    for (const provider of providers) {
      if (fault) server.faults.next(fault);
      const ours = await provider.read({ path: "none" }, callContext()).catch((error: unknown) => error);
      if (findLeak(ours, canaries)) leaks += 1;
    }
    if (fault) server.faults.next(fault);
    const theirs = await bare.send(new GetSecretValueCommand({ SecretId: "none" })).catch((error: unknown) => error);
    if (findLeak(theirs, canaries)) bareSdkLeaks += 1;
  }
  for (const provider of providers) {
    if (findLeak(provider, canaries)) leaks += 1;
    await provider.close?.();
  }
  bare.destroy();
  server.faults.clear();
  await server.close();
  const folder = path.resolve(import.meta.dirname, "../../../node_modules/.cache/keyhold/leaks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "aws.json"), JSON.stringify({ adapter: "aws", failures: faults.length, leaks, bareSdkLeaks }));
  console.log(
    `aws: ${faults.length} failures over ${providers.length} transports: ${leaks} leaks; bare SDK: ${bareSdkLeaks} leaks`,
  );
  expect(leaks).toBe(0);
  expect(bareSdkLeaks).toBeGreaterThan(0);
});
