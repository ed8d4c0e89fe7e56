import { kubernetes } from "@keyhold/kubernetes";
import { afterAll, beforeAll, expect, it } from "vitest";
import { seed, sharedOperations } from "../integration/differential/operations.ts";
import { runDifferential } from "../integration/differential/run-differential.ts";
import { type KubernetesServer, startKubernetes } from "../servers/kubernetes/start-kubernetes.ts";

let server: KubernetesServer;
beforeAll(async () => {
  server = await startKubernetes();
  await server.createNamespace("ml");
});
afterAll(() => server?.close());

const steps = sharedOperations(500);
const rules = {
  path: (name: string) => name.replaceAll("/", "."),
  refusedPaths: /[^a-z0-9.-]/,
  equalValueKept: true,
  keptVersions: 1,
};

it(`${steps.length} random operations, seed ${seed}, do to Kubernetes what they do to a model of it`, async () => {
  const provider = kubernetes({ server: server.url, tls: { ca: server.ca }, token: server.adminToken, namespace: "ml" });
  const report = await runDifferential(provider, rules, steps);
  await provider.close?.();
  console.log(`kubernetes: ${report.done} operations as the model, left out as unsupported: ${JSON.stringify(report.skipped)}`);
  expect(report.difference).toBeUndefined();
});
