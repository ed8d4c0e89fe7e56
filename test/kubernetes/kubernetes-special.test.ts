import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecrets, type SecretsEvent } from "@keyhold/core";
import { type KubernetesOptions, type KubernetesProvider, kubernetes } from "@keyhold/kubernetes";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { certificateAuthority } from "../servers/certificates.ts";
import { type KubernetesServer, startKubernetes } from "../servers/kubernetes/start-kubernetes.ts";

let server: KubernetesServer;
let folder: string;
const providers: KubernetesProvider[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "keyhold-kubernetes-special-"));
  server = await startKubernetes();
  for (const name of ["ml", "other"]) await server.createNamespace(name);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const provider of providers.splice(0)) await provider.close?.();
});
afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (
  options: KubernetesOptions = { server: server.url, tls: { ca: server.ca }, token: server.adminToken, namespace: "ml" },
) => {
  const provider = kubernetes(options);
  providers.push(provider);
  return provider;
};
const put = (name: string, content: string) => {
  writeFileSync(path.join(folder, name), content);
  return path.join(folder, name);
};
const fields = (values: Record<string, string | Uint8Array>) => ({ kind: "fields", fields: values }) as const;
const call = callContext;
const valuesOf = async (provider: KubernetesProvider, name: string) => {
  const { content } = await provider.read({ path: name }, call());
  if (content.kind !== "fields") throw new Error("no fields");
  return Object.fromEntries(
    Object.entries(content.fields).map(([field, bytes]) => [field, Buffer.from(bytes as Uint8Array).toString()]),
  );
};
const raw = (name: string, namespace = "ml") => server.call({ path: `/api/v1/namespaces/${namespace}/secrets/${name}` });

describe("a Kubernetes Secret", () => {
  it("is replaced as a whole by a write, which keeps type and owners and adds labels", async () => {
    const provider = open();
    await provider.create(
      "typed",
      { username: "a", password: "b" },
      { type: "kubernetes.io/basic-auth", labels: { team: "ml" } },
      call(),
    );
    await provider.write!({ path: "typed" }, fields({ username: "c" }), { labels: { stage: "test" } }, call());
    expect(await valuesOf(provider, "typed")).toEqual({ username: "c" });
    expect(await raw("typed")).toMatchObject({
      type: "kubernetes.io/basic-auth",
      metadata: { labels: { team: "ml", stage: "test" } },
    });
    const wrong = provider.create("untyped", { some: "thing" }, { type: "kubernetes.io/tls" }, call());
    await expect(wrong).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("without any field is written, emptied and filled", async () => {
    const provider = open();
    await server.call({ path: "/api/v1/namespaces/ml/secrets", body: { metadata: { name: "bare" } } });
    expect(await valuesOf(provider, "bare")).toEqual({});
    await provider.write!({ path: "bare" }, fields({ key: "one" }), {}, call());
    expect(await valuesOf(provider, "bare")).toEqual({ key: "one" });
    await provider.write!({ path: "bare" }, fields({}), {}, call());
    expect(await valuesOf(provider, "bare")).toEqual({});
  });

  it("is patched field by field, at one version only if asked", async () => {
    const provider = open();
    const first = await provider.write!({ path: "patched" }, fields({ a: "1", b: "2" }), {}, call());
    const second = await provider.patch(
      "patched",
      { a: "3", b: null, c: new Uint8Array([0x34]) },
      { ifVersion: first.version },
      call(),
    );
    expect(await valuesOf(provider, "patched")).toEqual({ a: "3", c: "4" });
    expect((await provider.probe!({ path: "patched" }, call())).version).toBe(second.version);
    const late = provider.patch("patched", { a: "5" }, { ifVersion: first.version }, call());
    await expect(late).rejects.toMatchObject({ code: "conflict" });
    await expect(provider.patch("not-there", { a: "5" }, {}, call())).rejects.toMatchObject({ code: "not-found" });
  });

  it("that is immutable is a conflict with the way out, and can be removed", async () => {
    const provider = open();
    await provider.create("fixed", { key: "one" }, { immutable: true }, call());
    const write = provider.write!({ path: "fixed" }, fields({ key: "two" }), {}, call());
    await expect(write).rejects.toMatchObject({ code: "conflict", hint: expect.stringContaining("anew") });
    expect(await valuesOf(provider, "fixed")).toEqual({ key: "one" });
    await provider.remove!({ path: "fixed" }, {}, call());
  });

  it("is listed by label, page by page, in its namespace", async () => {
    const provider = open();
    for (const name of ["l1", "l2"]) await provider.create(`other/${name}`, { key: "v" }, { labels: { team: "listed" } }, call());
    await provider.create("other/l3", { key: "v" }, {}, call());
    const paths = async (selector: string) =>
      (await provider.listByLabel(selector, { namespace: "other" }, call())).items.map(({ path: found }) => found);
    expect(await paths("team=listed")).toEqual(["other/l1", "other/l2"]);
    expect(await paths("!team")).toEqual(["other/l3"]);
    expect((await provider.listByLabel("team=listed", {}, call())).items).toEqual([]);
    await expect(paths("team in (")).rejects.toMatchObject({ code: "invalid-argument" });
    const { items } = await provider.list!({ prefix: "other/l" }, call());
    expect(items.map(({ path: found }) => found)).toEqual(["other/l1", "other/l2", "other/l3"]);
  });

  it("is written by eight at once that all find nothing there, and is there once", async () => {
    const provider = open();
    const writers = Array.from({ length: 8 }, (_, index) =>
      provider.write!({ path: "raced" }, fields({ key: `${index}` }), {}, call()),
    );
    expect(new Set((await Promise.all(writers)).map(({ version }) => version)).size).toBe(8);
  });

  it("keeps every label that eight writers add at once", async () => {
    const provider = open();
    await provider.write!({ path: "labels" }, fields({ key: "v" }), {}, call());
    const names = Array.from({ length: 8 }, (_, index) => `label-${index}`);
    const write = (name: string) =>
      provider.write!({ path: "labels" }, fields({ key: name }), { labels: { [name]: "on" } }, call());
    await Promise.all(names.map(write));
    expect((await provider.read({ path: "labels" }, call())).labels).toEqual(
      Object.fromEntries(names.map((name) => [name, "on"])),
    );
  });

  it("written twice with one idempotency key answers with the first version, also where the first answer was lost", async () => {
    const provider = open();
    const write = (value: string, options: object) => provider.write!({ path: "once" }, fields({ key: value }), options, call());
    const made = await write("a", { ifVersion: null, idempotencyKey: "deploy 1" });
    expect(await write("a", { ifVersion: null, idempotencyKey: "deploy 1" })).toEqual(made);
    const next = await write("b", { ifVersion: made.version, idempotencyKey: "deploy 2" });
    expect(await write("b", { ifVersion: made.version, idempotencyKey: "deploy 2" })).toEqual(next);
    await expect(write("b", { ifVersion: made.version, idempotencyKey: "deploy 3" })).rejects.toMatchObject({ code: "conflict" });
  });

  it("in a namespace that is not there, or goes, is told as that", async () => {
    const provider = open();
    await server.createNamespace("leaving");
    await server.call({ path: "/api/v1/namespaces/leaving", method: "DELETE" });
    const write = (at: string) => provider.write!({ path: at }, fields({ key: "v" }), {}, call());
    await expect(write("leaving/any")).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("namespace") });
    await expect(write("nowhere/any")).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("namespace"),
    });
  });
});

describe("signing in", () => {
  it("a pod's account reads what its role allows, watches one secret by name, and is told what is missing", async () => {
    await open().write!({ path: "allowed" }, fields({ key: "one" }), {}, call());
    await open().write!({ path: "denied" }, fields({ key: "one" }), {}, call());
    await server.createServiceAccount("ml", "reader");
    await server.grant("ml", { serviceAccount: "reader", verbs: ["get", "list", "watch"], names: ["allowed"] });
    put("token", await server.createToken("ml", "reader"));
    put("ca.crt", server.ca);
    put("namespace", "ml");
    vi.stubEnv("KUBECONFIG", undefined);
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    vi.stubEnv("KUBERNETES_SERVICE_PORT", String(server.port));
    const provider = open({ serviceAccountDirectory: folder });
    await expect.poll(() => valuesOf(provider, "allowed").catch(({ code }) => code)).toEqual({ key: "one" });
    await expect(valuesOf(provider, "denied")).rejects.toMatchObject({
      code: "permission-denied",
      hint: expect.stringContaining("Role"),
    });
    await expect(provider.list!({ prefix: "" }, call())).rejects.toMatchObject({ code: "permission-denied" });
    const watch = provider.watch!({ path: "allowed" }, call({ deadlineMs: Infinity }))[Symbol.asyncIterator]();
    const { version } = (await watch.next()).value!;
    expect(version).toMatch(/^\d+$/);
    const written = await open().write!({ path: "allowed" }, fields({ key: "two" }), {}, call());
    expect((await watch.next()).value).toEqual(written);
    await watch.return?.();
    const report = await provider.check!(call());
    expect(report).toMatchObject({
      principal: "system:serviceaccount:ml:reader",
      permissions: [{ path: "ml/allowed", actions: ["get", "list", "watch"] }],
    });
    expect(Math.abs((report.serverTimeAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(report.certificateExpiresAt).toBeGreaterThan(Date.now());
    put("token", await server.createToken("ml", "reader", { expirationSeconds: 600 }));
    expect(await valuesOf(provider, "allowed")).toEqual({ key: "two" });
  });

  it("by the kubeconfig's token, token file, client certificate and exec plugin, and not with somebody else's", async () => {
    await open().write!({ path: "mine" }, fields({ key: "v" }), {}, call());
    await server.grant("ml", { user: "ann", verbs: ["get"], names: ["mine"] });
    await server.createServiceAccount("ml", "by-token");
    await server.grant("ml", { serviceAccount: "by-token", verbs: ["get"] });
    const token = await server.createToken("ml", "by-token");
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const certificate = ({ cert, key }: { cert: string; key: string }) => ({
      "client-certificate-data": base64(cert),
      "client-key-data": base64(key),
    });
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: process.execPath,
      args: [path.resolve(import.meta.dirname, "../../packages/kubernetes/test/fixtures/exec-plugin.ts")],
      env: [
        {
          name: "ANSWER",
          value: put(
            "answer.json",
            JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } }),
          ),
        },
        { name: "RUNS", value: put("runs", "") },
      ],
      interactiveMode: "Never",
    };
    const users = {
      token: { token },
      tokenFile: { tokenFile: put("token-file", `${token}\n`) },
      certificate: certificate(await server.createClientCertificate("ann")),
      exec: { exec },
    };
    for (const [name, user] of Object.entries(users)) {
      const provider = open({ kubeconfig: put(`kubeconfig-${name}`, server.kubeconfig(user, "ml")) });
      await expect.poll(() => valuesOf(provider, "mine").catch(({ code }) => code), { message: name }).toEqual({ key: "v" });
    }
    const stranger = certificate(await (await certificateAuthority()).issue({ hosts: ["ann"] }));
    const others = { bob: certificate(await server.createClientCertificate("bob")), stranger };
    const codes = [];
    for (const [name, user] of Object.entries(others)) {
      const provider = open({ kubeconfig: put(`kubeconfig-${name}`, server.kubeconfig(user, "ml")) });
      codes.push(await valuesOf(provider, "mine").catch((error) => [error.code, findLeak(error, [token])]));
    }
    expect(codes).toEqual([
      ["permission-denied", undefined],
      ["unauthenticated", undefined],
    ]);
  });

  it("two accounts at once stay apart", async () => {
    await server.createServiceAccount("other", "worker");
    await server.grant("other", { serviceAccount: "worker", verbs: ["get"] });
    await open().write!({ path: "other/shared" }, fields({ key: "v" }), {}, call());
    const tls = { ca: server.ca };
    const worker = open({ server: server.url, tls, token: await server.createToken("other", "worker"), namespace: "other" });
    const secrets = createSecrets({ providers: { admin: open(), worker } });
    await expect
      .poll(() =>
        secrets.get("worker://shared#key", { fresh: true }).then(
          (found) => found.text(),
          ({ code }) => code,
        ),
      )
      .toBe("v");
    const both = await secrets.getMany(["admin://other/shared#key", "worker://ml/mine"], { settle: true });
    expect(both.map((one) => ("code" in one ? one.code : one.text()))).toEqual(["v", "permission-denied"]);
    await secrets.close();
  });
});

describe("a watch", () => {
  it("goes on over a restart of the API server, which forgets every place in its history, and misses nothing", async () => {
    const provider = open();
    const first = await provider.write!({ path: "watched" }, fields({ key: "0" }), {}, call());
    const told: (string | undefined)[] = [];
    const controller = new AbortController();
    const watching = (async () => {
      for await (const { version } of provider.watch!(
        { path: "watched" },
        call({ deadlineMs: Infinity, signal: controller.signal }),
      ))
        told.push(version);
    })().catch((error: unknown) => error);
    await expect.poll(() => told).toEqual([first.version]);
    const second = await provider.write!({ path: "watched" }, fields({ key: "1" }), {}, call());
    await expect.poll(() => told).toEqual([first.version, second.version]);
    await provider.write!({ path: "elsewhere" }, fields({ key: "1" }), {}, call());
    const restarting = server.restart();
    await restarting;
    const third = await open().write!({ path: "watched" }, fields({ key: "2" }), {}, call());
    await expect.poll(() => told).toEqual([first.version, second.version, third.version]);
    await provider.remove!({ path: "watched" }, {}, call());
    await expect.poll(() => told.length).toBe(4);
    expect(told[3]).toBeUndefined();
    controller.abort();
    await watching;
  });

  it("keeps a handle up to date", async () => {
    const events: SecretsEvent[] = [];
    const provider = open();
    const secrets = createSecrets({ providers: { kubernetes: provider }, onEvent: (event) => void events.push(event) });
    await secrets.put("kubernetes://live", { key: "one" });
    const handle = await secrets.handle("kubernetes://live#key");
    const changed = new Promise<string>((resolve) => handle.onChange((next) => resolve(next.text())));
    const startedAt = performance.now();
    await open().write!({ path: "live" }, fields({ key: "two" }), {}, call());
    expect(await changed).toBe("two");
    console.log(`kubernetes: a change was in a handle after ${(performance.now() - startedAt).toFixed(0)} ms`);
    expect(events.filter(({ type }) => type === "watch-failed")).toEqual([]);
    handle.close();
    await secrets.close();
  });
});
