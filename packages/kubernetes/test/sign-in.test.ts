import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { kubernetes } from "@keyhold/kubernetes";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type CertificateAuthority, certificateAuthority } from "../../../test/servers/certificates.ts";
import { type StandIn, secretBody, sendJson, sendStatus, startStandIn } from "./stand-in.ts";

let server: StandIn;
let folder: string;
let good: string;
const providers: ReturnType<typeof kubernetes>[] = [];

beforeAll(async () => {
  server = await startStandIn({
    answer: ({ token }, response) =>
      token === good ? sendJson(response, 200, secretBody("db", { key: "value" })) : sendStatus(response, 401, "Unauthorized"),
  });
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "keyhold-sign-in-")));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  good = "good-token";
  for (const name of ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]) vi.stubEnv(name, undefined);
  vi.stubEnv("HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const provider of providers.splice(0)) await provider.close?.();
});

const file = (name: string) => path.join(folder, name);
const put = (name: string, content: string) => {
  writeFileSync(file(name), content);
  return file(name);
};
const open = (options: Parameters<typeof kubernetes>[0]) => {
  const provider = kubernetes(options);
  providers.push(provider);
  return provider;
};
const read = (provider: ReturnType<typeof kubernetes>, name = "db") => provider.read({ path: name }, callContext());
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A kubeconfig for the stand-in, with this user and changes to its cluster. */
const kubeconfig = (name: string, user: object, cluster: object = {}, context: object = {}) =>
  put(
    name,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: server.url, "certificate-authority-data": base64(server.ca), ...cluster } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "ml", ...context } }],
      "current-context": "x",
    }),
  );

describe("in a pod", () => {
  it("the token is read again for each request, as it rotates, and the namespace is the pod's", async () => {
    put("token", "good-token\n");
    put("ca.crt", server.ca);
    put("namespace", "team-a\n");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    vi.stubEnv("KUBERNETES_SERVICE_PORT", String(server.port));
    const provider = open({ serviceAccountDirectory: folder });
    await read(provider);
    expect(server.asked.at(-1)?.url).toBe("/api/v1/namespaces/team-a/secrets/db");
    good = "next-token";
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated" });
    put("token", "next-token");
    await read(provider);
    put("token", " \n");
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated", hint: expect.any(String) });
    rmSync(file("token"));
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated", hint: expect.any(String) });
  });

  it("nothing configured at all is unauthenticated, and is looked for again", async () => {
    const provider = open({});
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated", hint: expect.stringContaining("KUBECONFIG") });
    vi.stubEnv("KUBECONFIG", kubeconfig("found-later", { token: "good-token" }));
    await read(provider);
  });
});

describe("a token", () => {
  it("may come from a function, which is asked each time, and whose own failure is not shown", async () => {
    let token = "good-token";
    const provider = open({ server: server.url, tls: { ca: server.ca }, token: async () => token });
    await read(provider);
    [token, good] = ["second", "second"];
    await read(provider);
    const failing = open({
      server: server.url,
      tls: { ca: server.ca },
      token: () => Promise.reject(new Error("canary-8f3a61")),
    });
    const error = await read(failing).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unauthenticated" });
    expect(findLeak(error, ["canary-8f3a61"])).toBeUndefined();
  });

  it("may come from a file", async () => {
    const provider = open({ server: server.url, tls: { ca: server.ca }, tokenFile: put("own-token", "good-token\n") });
    await read(provider);
  });
});

describe("a kubeconfig", () => {
  it("gives server, authority, namespace and token; the option namespace goes first", async () => {
    await read(open({ kubeconfig: kubeconfig("simple", { token: "good-token" }) }));
    expect(server.asked.at(-1)?.url).toBe("/api/v1/namespaces/ml/secrets/db");
    await read(open({ kubeconfig: file("simple"), namespace: "other" }));
    expect(server.asked.at(-1)?.url).toBe("/api/v1/namespaces/other/secrets/db");
  });

  it("may be written in YAML, name files beside it, and choose another context", async () => {
    put("ca.pem", server.ca);
    put("token-file", "good-token\n");
    const text = `
apiVersion: v1
kind: Config
current-context: wrong
clusters:
- name: c
  cluster: &cluster
    server: ${server.url}
    certificate-authority: ca.pem
- name: same
  cluster: *cluster
contexts:
- {name: wrong, context: {cluster: none, user: u}}
- {name: right, context: {cluster: same, user: u}}
users:
- name: u
  user: {tokenFile: ./token-file, token: an-old-one}
`;
    await read(open({ kubeconfig: put("config.yaml", text), context: "right" }));
    expect(server.asked.at(-1)?.url).toBe("/api/v1/namespaces/default/secrets/db");
    await expect(read(open({ kubeconfig: file("config.yaml") }))).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("may be several, of which the first to name something wins", async () => {
    const first = put("first", JSON.stringify({ users: [{ name: "u", user: { token: "good-token" } }] }));
    const second = kubeconfig("second", { token: "never-used" });
    vi.stubEnv("KUBECONFIG", [first, file("not-there"), second].join(path.delimiter));
    await read(open({}));
  });

  it("is read again after its token was refused", async () => {
    const provider = open({ kubeconfig: kubeconfig("renewed", { token: "good-token" }) });
    await read(provider);
    good = "after-sign-in";
    kubeconfig("renewed", { token: "after-sign-in" });
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated" });
    await read(provider);
  });

  const refused: readonly (readonly [what: string, code: string, user: object, cluster?: object, context?: object])[] = [
    ["insecure-skip-tls-verify", "invalid-argument", {}, { "insecure-skip-tls-verify": true }],
    ["insecure-skip-tls-verify as text", "invalid-argument", {}, { "insecure-skip-tls-verify": "true" }],
    ["impersonation", "unsupported", { as: "somebody" }],
    ["a user name and password", "unsupported", { username: "a", password: "canary-8f3a61" }],
    ["an auth-provider", "unsupported", { "auth-provider": { name: "gcp" } }],
    ["a certificate without its key", "invalid-argument", { "client-certificate-data": base64("x") }],
    ["base64 that is none", "invalid-argument", {}, { "certificate-authority-data": "canary-8f3a61!" }],
    ["an authority that is none", "invalid-argument", {}, { "certificate-authority-data": base64("canary-8f3a61") }],
    ["a token that is a number", "invalid-argument", { token: 12_345_678 }],
    ["an empty server", "invalid-argument", {}, { server: "" }],
    ["a server that is none", "invalid-argument", {}, { server: "canary-8f3a61" }],
    ["plain http to another machine", "invalid-argument", {}, { server: "http://kubernetes.example" }],
    ["a proxy that is none", "invalid-argument", {}, { "proxy-url": "canary-8f3a61" }],
    ["a namespace that is none", "invalid-argument", {}, {}, { namespace: "Not One" }],
    ["a user that is not there", "invalid-argument", {}, {}, { user: "nobody" }],
    [
      "an authority file that is not there",
      "unavailable",
      {},
      { "certificate-authority-data": "", "certificate-authority": "none" },
    ],
    ["a token file that is not there", "unauthenticated", { tokenFile: "none" }],
    ["an exec of an old version", "unsupported", { exec: { apiVersion: "client.authentication.k8s.io/v1alpha1", command: "a" } }],
    [
      "an exec that asks a person",
      "unsupported",
      { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "a", interactiveMode: "Always" } },
    ],
  ];
  const cases = refused.map(([what, code, user, cluster = {}, context = {}]) => ({ what, code, user, cluster, context }));
  it.each(cases)("with $what is $code, and nothing is sent", async ({ code, user, cluster, context }) => {
    const before = server.asked.length;
    const error = await read(
      open({ kubeconfig: kubeconfig("refused", { token: "good-token", ...user }, cluster, context) }),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, retryable: false, hint: expect.any(String) });
    expect(findLeak(error, ["canary-8f3a61"])).toBeUndefined();
    expect(server.asked).toHaveLength(before);
  });

  it.each([
    ["no YAML", 'users: [canary-8f3a61: "'],
    ["a list", "- canary-8f3a61"],
    ["users that are text", "users: canary-8f3a61"],
    ["a user without a name", "users: [{user: {token: canary-8f3a61}}]"],
    [
      "aliases without end",
      `a: &a [x,x,x,x]\nb: &b [${"*a,".repeat(30)}]\nc: &c [${"*b,".repeat(30)}]\nd: [${"*c,".repeat(30)}]`,
    ],
    ["nothing", ""],
  ])("that is %s is invalid-argument, without a word of it", async (_what, text) => {
    const error = await read(open({ kubeconfig: put("malformed", text) })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid-argument", hint: expect.any(String) });
    expect(findLeak(error, ["canary-8f3a61"])).toBeUndefined();
  });

  it("that is not there is unauthenticated", async () => {
    await expect(read(open({ kubeconfig: file("nowhere") }))).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

describe("a client certificate", () => {
  let clients: CertificateAuthority;
  let mutual: StandIn;
  beforeAll(async () => {
    clients = await certificateAuthority();
    mutual = await startStandIn({
      requestCert: { ca: clients.ca },
      answer: (_asked, response, request) => {
        const { subject } = (request.socket as import("node:tls").TLSSocket).getPeerCertificate();
        sendJson(response, 200, secretBody("db", { key: String(subject.CN) }));
      },
    });
  });
  afterAll(() => mutual.close());

  const nameSeen = async (provider: ReturnType<typeof kubernetes>) => {
    const { content } = await read(provider);
    return content.kind === "fields" && Buffer.from(content.fields.key as Uint8Array).toString();
  };

  it("in files is used anew when it was renewed, in data and in options as it is", async () => {
    const [ann, bob] = [await clients.issue({ hosts: ["ann"] }), await clients.issue({ hosts: ["bob"] })];
    put("client.crt", ann.cert);
    put("client.key", ann.key);
    const cluster = { server: mutual.url, "certificate-authority-data": base64(mutual.ca) };
    const byFile = kubeconfig("mutual", { "client-certificate": "client.crt", "client-key": "client.key" }, cluster);
    const provider = open({ kubeconfig: byFile });
    expect(await nameSeen(provider)).toBe("ann");
    put("client.crt", bob.cert);
    put("client.key", bob.key);
    expect(await nameSeen(provider)).toBe("bob");
    await expect.poll(() => mutual.sockets).toBe(1);
    const data = { "client-certificate-data": base64(ann.cert), "client-key-data": base64(ann.key) };
    expect(await nameSeen(open({ kubeconfig: kubeconfig("mutual-data", data, cluster) }))).toBe("ann");
    expect(await nameSeen(open({ server: mutual.url, tls: { ca: mutual.ca, cert: bob.cert, key: bob.key } }))).toBe("bob");
  });
});

describe("an exec plugin", () => {
  const apiVersion = "client.authentication.k8s.io/v1";
  const answer = (status: object) => put("answer.json", JSON.stringify({ apiVersion, kind: "ExecCredential", status }));
  const runs = () => readFileSync(file("runs"), "utf8").split("\n").filter(Boolean);
  const plugin = (environment: object = {}, more: object = {}) => {
    put("runs", "");
    const env = Object.entries({ ANSWER: file("answer.json"), RUNS: file("runs"), ...environment });
    const exec = {
      apiVersion,
      command: process.execPath,
      args: [path.join(import.meta.dirname, "fixtures/exec-plugin.ts")],
      env: env.map(([name, value]) => ({ name, value })),
      interactiveMode: "IfAvailable",
      ...more,
    };
    return kubeconfig("exec", { exec });
  };
  const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

  it("runs once for any number of callers, and again when what it gave is about to expire", async () => {
    answer({ token: "good-token", expirationTimestamp: inMs(3_600_000) });
    const provider = open({ kubeconfig: plugin() });
    await Promise.all(Array.from({ length: 20 }, () => read(provider)));
    await read(provider);
    expect(runs()).toHaveLength(1);
    expect(JSON.parse(runs()[0]!)).toEqual({ apiVersion, kind: "ExecCredential", spec: { interactive: false } });
    answer({ token: "good-token", expirationTimestamp: inMs(5_000) });
    const short = open({ kubeconfig: plugin() });
    await read(short);
    await read(short);
    expect(runs()).toHaveLength(2);
  });

  it("runs again when the server refuses what it gave, once a call", async () => {
    answer({ token: "good-token" });
    const provider = open({ kubeconfig: plugin() });
    await read(provider);
    good = "newer-token";
    answer({ token: "newer-token" });
    await read(provider);
    expect(runs()).toHaveLength(2);
    good = "never";
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(runs()).toHaveLength(3);
  });

  it("is told of the cluster where it asks for that", async () => {
    answer({ token: "good-token" });
    await read(open({ kubeconfig: plugin({}, { provideClusterInfo: true }) }));
    expect(JSON.parse(runs()[0]!).spec.cluster).toEqual({ server: server.url, "certificate-authority-data": base64(server.ca) });
  });

  it("ends with its caller's patience, without taking other callers with it", async () => {
    answer({ token: "good-token" });
    const provider = open({ kubeconfig: plugin({ WAIT_MS: "700" }) });
    const other = read(provider);
    await expect(provider.read({ path: "db" }, callContext({ deadlineMs: 100 }))).rejects.toMatchObject({ code: "timeout" });
    await other;
    expect(runs()).toHaveLength(1);
  });

  it("that runs when the provider closes is ended", async () => {
    answer({ token: "good-token" });
    const provider = open({ kubeconfig: plugin({ WAIT_MS: "60000" }) });
    const call = read(provider).catch((thrown: unknown) => thrown);
    await expect.poll(() => runs().length).toBe(1);
    await provider.close?.();
    expect(await call).toMatchObject({ code: "closed" });
  });

  const failures: readonly (readonly [what: string, environment: object, more: object, status: object | string])[] = [
    ["is not installed", {}, { command: "keyhold-no-such-plugin", installHint: "brew install it" }, {}],
    ["ends with a status", { STATUS: "3" }, {}, { token: "canary-8f3a61" }],
    ["prints no JSON", {}, {}, "canary-8f3a61"],
    ["prints no credential", {}, {}, { clientCertificateData: "canary-8f3a61" }],
    ["prints no status", {}, {}, '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}'],
    ["prints another version", {}, {}, '{"kind":"ExecCredential","apiVersion":"v1","status":{"token":"canary-8f3a61"}}'],
    ["prints an expiry that is none", {}, {}, { token: "canary-8f3a61", expirationTimestamp: "canary-8f3a61" }],
  ];
  it.each(failures)("that %s is unauthenticated, without a word of what it printed", async (_what, environment, more, status) => {
    if (typeof status === "string") put("answer.json", status);
    else answer(status);
    const error = await read(open({ kubeconfig: plugin(environment, more) })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unauthenticated", hint: expect.any(String) });
    expect(findLeak(error, ["canary-8f3a61", "canary-stderr-77aa10"])).toBeUndefined();
  });
});
