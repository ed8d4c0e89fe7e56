import type { ClientRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type KubernetesServer, startKubernetes } from "../servers/kubernetes/start-kubernetes.ts";
import { addKubernetesRole } from "../servers/openbao/auth-methods.ts";
import { startOpenBao } from "../servers/openbao/start-openbao.ts";

let server: KubernetesServer;
beforeAll(async () => {
  server = await startKubernetes();
  await server.createNamespace("ml");
});
afterAll(() => server?.close());

const secrets = "/api/v1/namespaces/ml/secrets";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const create = (name: string, data: Record<string, string>, more: object = {}): Promise<any> =>
  server.call({ path: secrets, body: { metadata: { name }, data, ...more } });

/** Watches until `enough` of the events have come, or the server ends the watch. */
function watch(query: string, enough: (events: any[]) => boolean): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const events: any[] = [];
    const headers = { authorization: `Bearer ${server.adminToken}` };
    const sent: ClientRequest = httpsRequest(
      `${server.url}${secrets}?watch=true&${query}`,
      { ca: server.ca, agent: false, headers },
      (response) => {
        let rest = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop() ?? "";
          events.push(...lines.filter(Boolean).map((line) => JSON.parse(line)));
          if (!enough(events)) return;
          resolve(events);
          sent.destroy();
        });
        response.on("end", () => resolve(events));
        response.on("error", () => resolve(events));
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

test("it is the real one, of the version that is pinned", async () => {
  expect((await server.call({ path: "/version" })).gitVersion).toBe("v1.36.3");
});

test("a secret is made, read, patched, compared and set, and deleted", async () => {
  const made = await create("app", { key: base64("one") });
  expect((await server.call({ path: `${secrets}/app` })).data).toEqual({ key: base64("one") });
  const patch = { path: `${secrets}/app`, method: "PATCH" as const, contentType: "application/merge-patch+json" };
  const patched = await server.call({ ...patch, body: { data: { other: base64("two") } } });
  expect(patched.data).toEqual({ key: base64("one"), other: base64("two") });
  expect(patched.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
  const stale = await server.request({ ...patch, method: "PUT", contentType: "application/json", body: { ...made, data: {} } });
  expect(stale).toMatchObject({ status: 409, body: { reason: "Conflict" } });
  expect((await server.request({ path: secrets, body: { metadata: { name: "app" } } })).body.reason).toBe("AlreadyExists");
  await server.call({ path: `${secrets}/app`, method: "DELETE" });
  expect(await server.request({ path: `${secrets}/app` })).toMatchObject({ status: 404, body: { reason: "NotFound" } });
});

test("an immutable secret refuses changes, and labels select", async () => {
  await create("fixed", { key: base64("one") }, { immutable: true });
  const patch = { path: `${secrets}/fixed`, method: "PATCH" as const, contentType: "application/merge-patch+json" };
  expect(await server.request({ ...patch, body: { data: { key: base64("two") } } })).toMatchObject({ status: 422 });
  await server.call({ path: secrets, body: { metadata: { name: "labelled", labels: { team: "a" } }, stringData: { x: "1" } } });
  const { items } = await server.call({ path: `${secrets}?labelSelector=team%3Da` });
  expect(items.map((item: any) => [item.metadata.name, item.data.x])).toEqual([["labelled", base64("1")]]);
});

test("a pod's token may do what it was granted, and no more; a wrong one is refused", async () => {
  await create("mine", {});
  await server.createServiceAccount("ml", "worker");
  const token = await server.createToken("ml", "worker");
  expect(await server.request({ path: `${secrets}/mine`, token })).toMatchObject({ status: 403, body: { reason: "Forbidden" } });
  await server.grant("ml", { serviceAccount: "worker", verbs: ["get"], names: ["mine"] });
  await expect.poll(() => server.request({ path: `${secrets}/mine`, token }).then(({ status }) => status)).toBe(200);
  expect(await server.request({ path: secrets, token })).toMatchObject({ status: 403 });
  expect(await server.request({ path: `${secrets}/mine`, token: "wrong" })).toMatchObject({ status: 401 });
  expect(await server.request({ path: `${secrets}/mine`, token: null })).toMatchObject({ status: 403 });
  const claims = JSON.parse(Buffer.from(String(token.split(".")[1]), "base64url").toString("utf8"));
  expect(claims).toMatchObject({ sub: "system:serviceaccount:ml:worker", iss: "https://kubernetes.default.svc" });
});

test("a client certificate signs in as its common name", async () => {
  await create("anns", {});
  await server.grant("ml", { user: "ann", verbs: ["get", "list"] });
  const { cert, key } = await server.createClientCertificate("ann");
  const other = await server.createClientCertificate("bob");
  await expect
    .poll(() => server.request({ path: `${secrets}/anns`, token: null, cert, key }).then(({ status }) => status))
    .toBe(200);
  expect(await server.request({ path: `${secrets}/anns`, token: null, cert: other.cert, key: other.key })).toMatchObject({
    status: 403,
  });
});

test("OpenBao lets in a pod whose token the API server knows, and no other", async () => {
  await server.createServiceAccount("ml", "vault-user");
  await server.createServiceAccount("ml", "other");
  const bao = await startOpenBao();
  const account = { role: "ml", serviceAccount: "vault-user", namespace: "ml", policies: ["default"] };
  await addKubernetesRole(bao, { host: server.url, ca: server.ca, reviewer: server.adminToken, ...account });
  const login = async (name: string) =>
    bao.request({ path: "auth/kubernetes/login", body: { role: "ml", jwt: await server.createToken("ml", name) }, token: null });
  expect((await login("vault-user")).body.auth.client_token).toMatch(/^s\./);
  expect((await login("other")).status).toBe(403);
  await bao.close();
});

test("a watch tells of changes, and marks how far it has come", async () => {
  const { metadata } = await server.call({ path: secrets });
  const watching = watch(
    `resourceVersion=${metadata.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=6&fieldSelector=metadata.name%3Dwatched`,
    (events) => events.some(({ type }) => type === "BOOKMARK"),
  );
  await create("watched", { key: base64("one") });
  await server.call({ path: `${secrets}/watched`, method: "DELETE" });
  const events = await watching;
  expect(events.map(({ type }) => type)).toEqual(["ADDED", "DELETED", "BOOKMARK"]);
  const [added, , bookmark] = events.map(({ object }) => Number(object.metadata.resourceVersion));
  expect(bookmark).toBeGreaterThan(Number(added));
});

test("a watch from before a restart is answered with 410 Gone, and starts anew from a list", async () => {
  const { metadata } = await create("early", {});
  await create("later", {});
  await server.restart();
  const [event] = await watch(`resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`, (events) => events.length > 0);
  expect(event).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
  const { metadata: now, items } = await server.call({ path: secrets });
  expect(items.map((item: any) => item.metadata.name)).toContain("later");
  const watching = watch(`resourceVersion=${now.resourceVersion}&timeoutSeconds=10`, (events) => events.length > 0);
  await create("after", {});
  expect((await watching)[0]).toMatchObject({ type: "ADDED", object: { metadata: { name: "after" } } });
});

test("a kubeconfig holds what a client needs", () => {
  const config = JSON.parse(server.kubeconfig({ token: "t" }, "ml"));
  expect(config.clusters[0].cluster.server).toBe(server.url);
  expect(Buffer.from(config.clusters[0].cluster["certificate-authority-data"], "base64").toString("utf8")).toBe(server.ca);
  expect(config.contexts[0].context).toEqual({ cluster: "test", user: "test", namespace: "ml" });
});
