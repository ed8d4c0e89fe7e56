import type { Content } from "@keyhold/core";
import { kubernetes } from "@keyhold/kubernetes";
import { callContext } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, beforeAll } from "vitest";
import { type StandIn, sendStatus, startStandIn } from "../../packages/kubernetes/test/stand-in.ts";
import { type KubernetesServer, startKubernetes } from "../servers/kubernetes/start-kubernetes.ts";

let server: KubernetesServer;
let standIn: StandIn;
let token: string;

const verbs = ["get", "list", "watch", "create", "patch", "delete"];

beforeAll(async () => {
  server = await startKubernetes();
  standIn = await startStandIn();
  await server.createNamespace("ml");
  await server.createServiceAccount("ml", "app");
  await server.grant("ml", { serviceAccount: "app", verbs });
  token = await server.createToken("ml", "app");
});
afterAll(async () => {
  await standIn?.close();
  await server?.close();
});

const create = (own = token) => kubernetes({ server: server.url, tls: { ca: server.ca }, token: own, namespace: "ml" });

/** The administrator's writes: to the provider under test they come from outside. */
async function seed(path: string, content: Content): Promise<void> {
  const provider = create(server.adminToken);
  await provider.write!({ path }, content, {}, callContext());
  await provider.close?.();
}

/** What the real server does seldom, from one in its place. */
const failing = (status: number, reason: string) => () => {
  standIn.answer((_asked, response) => sendStatus(response, status, reason));
  return { provider: kubernetes({ server: standIn.url, tls: { ca: standIn.ca }, token, namespace: "ml" }) };
};

testProvider("kubernetes", {
  create,
  seed,
  maxBytes: 1024 * 1024,
  // One more than a page.
  pageItems: 101,
  timeoutMs: 90_000,
  refusedNames: { reason: "RFC 1123: lower-case letters, digits, inner hyphens and dots", pattern: /[^a-z0-9.-]/ },
  equalValueKept: "an update that changes nothing keeps the resourceVersion",
  skip: [{ reason: "a Secret's data is bytes, nothing else", tests: ["fields keep their JSON types"] }],
  canaries: () => [token, server.adminToken],
  breakIt: {
    unauthenticated: () => ({ provider: create("not-a-token") }),
    "permission-denied": () => ({ provider: create(), locator: { path: "kube-system/any" } }),
    unsupported: () => ({ provider: create(), locator: { path: "any", version: "1" } }),
    "rate-limited": failing(429, "TooManyRequests"),
    unavailable: failing(503, "ServiceUnavailable"),
    unknown: failing(418, ""),
    decode: () => {
      standIn.answer((_asked, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>sign in</html>"));
      return { provider: kubernetes({ server: standIn.url, tls: { ca: standIn.ca }, token, namespace: "ml" }) };
    },
    timeout: () => {
      standIn.answer(() => {});
      return { provider: kubernetes({ server: standIn.url, tls: { ca: standIn.ca }, token, namespace: "ml" }) };
    },
  },
});
