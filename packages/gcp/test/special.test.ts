import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect, promisify } from "node:util";
import { createSecrets } from "@keyhold/core";
import { type GcpOptions, gcp } from "@keyhold/gcp";
import { callContext, findLeak } from "@keyhold/testing";
import { GoogleAuth, JWT, OAuth2Client } from "google-auth-library";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { googleToken } from "../../../test/servers/google/start-google.ts";
import { bearer, type Google, startServers, transports } from "./servers.ts";

const text = (value: string) => ({ kind: "opaque", value }) as const;

describe.each(transports)("Google Secret Manager over %s", (transport) => {
  let google: Google;
  beforeAll(async () => {
    google = await startServers(transport);
  });
  afterEach(() => expect(google.server.violations).toEqual([]));
  afterAll(() => google.close());

  /** What the provider calls while `work` runs, by method or path. */
  const callsOf = async (work: () => Promise<unknown>) => {
    const { calls, requests } = google.server;
    const before = [calls.length, requests.length];
    await work();
    return [
      ...calls.slice(before[0]).map(({ method }) => method),
      ...requests.slice(before[1]).map(({ request }) => `${request.method} ${request.path}`),
    ];
  };

  it("reads the newest, a number, latest, an alias, and by the whole name", async () => {
    google.server.seed("chosen", "one");
    google.server.seed("chosen", "two");
    google.server.seed("aliased", "first");
    const provider = google.create();
    const secrets = createSecrets({ providers: { gcp: provider } });
    expect((await secrets.get("gcp://chosen")).text()).toBe("two");
    expect((await secrets.get("gcp://chosen")).version).toBe("2");
    expect((await secrets.get("gcp://chosen?version=1")).text()).toBe("one");
    expect((await secrets.get("gcp://chosen?version=latest")).text()).toBe("two");
    expect((await secrets.get("gcp://projects/test-project/secrets/chosen?version=1")).text()).toBe("one");
    expect((await secrets.get("gcp://projects/123456789012/secrets/chosen")).text()).toBe("two");
    await secrets.close();
  });

  it("reads the version that an alias stands on, and only as a stage", async () => {
    google.server.seed("staged", "one");
    google.server.seed("staged", "two");
    await google.alias("staged", { stable: "1" });
    const secrets = createSecrets({ providers: { gcp: google.create() } });
    const stable = await secrets.get("gcp://staged?stage=stable");
    expect([stable.text(), stable.version]).toEqual(["one", "1"]);
    await expect(secrets.get("gcp://staged?stage=missing")).rejects.toMatchObject({ code: "not-found" });
    await expect(secrets.get("gcp://staged?version=stable")).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(secrets.get("gcp://staged?stage=1")).rejects.toMatchObject({ code: "invalid-argument" });
    await secrets.close();
  });

  it("a disabled version is a conflict and no absence, for latest too; enabled again it reads", async () => {
    google.server.seed("switched", "one");
    google.server.seed("switched", "two");
    const provider = google.create();
    await provider.disableVersion("switched", "2", callContext());
    for (const locator of [{ path: "switched" }, { path: "switched", version: "2" }]) {
      await expect(provider.read(locator, callContext())).rejects.toMatchObject({
        code: "conflict",
        retryable: false,
        hint: expect.stringMatching(/enableVersion/),
      });
    }
    const listed = await provider.versions!("switched", {}, callContext());
    expect(listed.items.map(({ version, state }) => [version, state])).toEqual([
      ["2", "disabled"],
      ["1", "enabled"],
    ]);
    await provider.enableVersion("switched", "2", callContext());
    expect((await provider.read({ path: "switched" }, callContext())).version).toBe("2");
    await provider.close?.();
  });

  it("a removed version is destroyed for good, the others stay; an alias and latest are followed to their number", async () => {
    for (const value of ["one", "two", "three"]) google.server.seed("thinned", value);
    await google.alias("thinned", { old: "1" });
    const provider = google.create();
    await provider.remove!({ path: "thinned", stage: "old" }, {}, callContext());
    await provider.remove!({ path: "thinned", version: "latest" }, {}, callContext());
    const { items } = await provider.versions!("thinned", {}, callContext());
    expect(items.map(({ version, state }) => `${version} ${state}`)).toEqual(["3 destroyed", "2 enabled", "1 destroyed"]);
    await expect(provider.read({ path: "thinned", version: "3" }, callContext())).rejects.toMatchObject({ code: "conflict" });
    await expect(provider.enableVersion("thinned", "3", callContext())).rejects.toMatchObject({ code: "conflict" });
    await provider.destroyVersion("thinned", "2", callContext());
    await expect(provider.read({ path: "thinned", version: "2" }, callContext())).rejects.toMatchObject({ code: "conflict" });
    await expect(provider.destroyVersion("thinned", "9", callContext())).rejects.toMatchObject({ code: "not-found" });
    await provider.close?.();
  });

  it("a write sends its checksum, and adds a version by one call", async () => {
    google.server.seed("written", "one");
    const provider = google.create();
    const calls = await callsOf(async () => {
      expect(await provider.write!({ path: "written" }, text("123456789"), {}, callContext())).toEqual({ version: "2" });
    });
    expect(calls).toHaveLength(1);
    expect(await google.hasChecksum("written", 2)).toBe(true);
    await provider.close?.();
  });

  it("a value over 64 KiB, fields and what no version can hold are refused before anything is sent", async () => {
    const provider = google.create();
    const write = (content: Parameters<NonNullable<typeof provider.write>>[1], options = {}, locator = {}) =>
      provider.write!({ path: "refused", ...locator }, content, options, callContext());
    const calls = await callsOf(async () => {
      await expect(write(text("x".repeat(65_537)))).rejects.toMatchObject({ code: "invalid-argument" });
      await expect(write({ kind: "fields", fields: { a: "b" } })).rejects.toMatchObject({ code: "invalid-argument" });
      await expect(write(text("v"), { ifVersion: "1" })).rejects.toMatchObject({ code: "unsupported" });
      await expect(write(text("v"), { idempotencyKey: "once" })).rejects.toMatchObject({ code: "unsupported" });
      await expect(write(text("v"), {}, { stage: "stable" })).rejects.toMatchObject({ code: "unsupported" });
      await expect(provider.remove!({ path: "refused" }, { ifVersion: "1" }, callContext())).rejects.toMatchObject({
        code: "unsupported",
      });
    });
    expect(calls).toEqual([]);
    await provider.close?.();
  });

  it("of eight writes at once with ifVersion: null exactly one creates, through the client too", async () => {
    const secrets = createSecrets({ providers: { gcp: google.create() } });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_write, index) => secrets.put("gcp://created-once", `value ${index}`, { ifVersion: null })),
    );
    const won = outcomes.flatMap((outcome, index) => (outcome.status === "fulfilled" ? [index] : []));
    expect(won).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "conflict" });
    expect((await secrets.get("gcp://created-once")).text()).toBe(`value ${won[0]}`);
    await secrets.close();
  });

  it("eight plain writes at once to a new name all add a version", async () => {
    const provider = google.create();
    const written = await Promise.all(
      Array.from({ length: 8 }, (_write, index) => provider.write!({ path: "raced" }, text(`${index}`), {}, callContext())),
    );
    expect(written.map(({ version }) => Number(version)).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await provider.close?.();
  });

  it("labels are added to those that are there, and never over somebody else's change", async () => {
    const provider = google.create();
    const labelsOf = async () => (await provider.list!({ prefix: "labelled" }, callContext())).items[0]?.labels;
    await provider.write!({ path: "labelled" }, text("1"), { labels: { team: "ml" } }, callContext());
    await provider.write!({ path: "labelled" }, text("2"), { labels: { stage: "prod" } }, callContext());
    expect(await labelsOf()).toEqual({ team: "ml", stage: "prod" });
    // The other's change comes between our look and our write.
    const fault = /UpdateSecret|^PATCH/;
    const written = Promise.withResolvers<void>();
    google.server.faults.next({ kind: "held", until: written.promise }, { match: fault });
    const ours = provider.write!({ path: "labelled" }, text("3"), { labels: { ours: "late" } }, callContext());
    const outcome = expect(ours).rejects.toMatchObject({ code: "conflict" });
    await expect.poll(() => google.server.faults.pending).toBe(0);
    await google.create().write!({ path: "labelled" }, text("4"), { labels: { theirs: "first" } }, callContext());
    written.resolve();
    await outcome;
    expect(await labelsOf()).toEqual({ team: "ml", stage: "prod", theirs: "first" });
    // The value was not written either.
    expect((await provider.versions!("labelled", {}, callContext())).items).toHaveLength(3);
    await provider.close?.();
  });

  it("a list shows labels and expiry, under the names that were asked for", async () => {
    const expiresAt = Date.UTC(2096, 9, 2, 7, 6, 40);
    google.server.seed("shown-expiring", "1", { secret: { expireTime: new Date(expiresAt).toISOString(), labels: { a: "b" } } });
    google.server.seed("shown-ttl", "1", { secret: { ttl: "3600s" } });
    google.server.seed("not-Shown-expiring", "1");
    const provider = google.create();
    const { items } = await provider.list!({ prefix: "shown-" }, callContext());
    const [expiring, ttl] = items.toSorted((a, b) => a.path.localeCompare(b.path));
    expect(items).toHaveLength(2);
    expect(expiring).toMatchObject({ path: "shown-expiring", expiresAt, labels: { a: "b" } });
    expect(Math.abs((ttl?.expiresAt ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    const whole = await provider.list!({ prefix: "projects/123456789012/secrets/shown-e" }, callContext());
    expect(whole.items.map((item) => item.path)).toEqual(["projects/123456789012/secrets/shown-expiring"]);
    expect((await provider.list!({ prefix: "no/such/name" }, callContext())).items).toEqual([]);
    await provider.close?.();
  });

  it("pages of more than a hundred secrets lose none", async () => {
    for (let index = 0; index < 205; index++) google.server.seed(`paged-${index}`, "x");
    const secrets = createSecrets({ providers: { gcp: google.create() } });
    const listed = await Array.fromAsync(secrets.list("gcp://paged-"));
    expect(new Set(listed.map((item) => item.path)).size).toBe(205);
    await secrets.close();
  });

  it("a secret of a region is read by its id at the region's provider, and refused at any other", async () => {
    google.server.seed("regional", "here", { location: "europe-west3" });
    const regional = google.create({ location: "europe-west3" });
    const global = google.create();
    const name = "projects/test-project/locations/europe-west3/secrets/regional";
    for (const locator of [{ path: "regional" }, { path: name }, { path: "regional", version: "1" }]) {
      expect((await regional.read(locator, callContext())).version).toBe("1");
    }
    await regional.write!({ path: "regional-new" }, text("made"), { labels: { a: "b" } }, callContext());
    expect((await regional.list!({ prefix: "regional" }, callContext())).items.map((item) => item.path).sort()).toEqual([
      "regional",
      "regional-new",
    ]);
    await expect(global.read({ path: "regional" }, callContext())).rejects.toMatchObject({ code: "not-found" });
    await expect(global.read({ path: name }, callContext())).rejects.toMatchObject({ code: "invalid-argument" });
    const elsewhere = name.replace("west3", "west1");
    await expect(regional.read({ path: elsewhere }, callContext())).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(regional.read({ path: "projects/test-project/secrets/regional" }, callContext())).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await regional.close?.();
    await global.close?.();
  });

  it("a secret is created where replicaLocations says", async () => {
    const provider = google.create({ replicaLocations: ["europe-west3", "europe-west4"] });
    await provider.write!({ path: "replicated" }, text("v"), {}, callContext());
    expect(await google.replication("replicated")).toEqual({
      userManaged: { replicas: [{ location: "europe-west3" }, { location: "europe-west4" }] },
    });
    await google.create().write!({ path: "automatic" }, text("v"), {}, callContext());
    expect(await google.replication("automatic")).toEqual({ automatic: {} });
    await provider.close?.();
  });

  it("no read costs a metadata call", async () => {
    google.server.seed("cheap", "v");
    const provider = google.create();
    const calls = await callsOf(async () => {
      await provider.read({ path: "cheap" }, callContext());
      await provider.read({ path: "cheap", stage: "latest" }, callContext());
    });
    expect(calls).toHaveLength(2);
    for (const call of calls) expect(call).toMatch(/^AccessSecretVersion$|:access$/);
    expect(provider.probe).toBeUndefined();
    await provider.close?.();
  });

  it("Google's own auth clients sign as they are, and none is asked for a token while one is good", async () => {
    google.server.seed("signed", "v");
    const oauth = new OAuth2Client();
    oauth.setCredentials({ access_token: google.token });
    const secrets = createSecrets({
      providers: {
        client: google.create({ credentials: oauth }),
        auth: google.create({ credentials: new GoogleAuth({ authClient: oauth }) }),
      },
    });
    expect((await secrets.get("client://signed")).text()).toBe("v");
    expect((await secrets.get("auth://signed")).text()).toBe("v");
    await secrets.close();
  });

  it("a service account's own key signs for the service, whatever the endpoint, and asks nobody for a token", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    const provider = google.create({ credentials: new JWT({ email: "app@test-project.iam.gserviceaccount.com", key }) });
    // The stand-in knows no service accounts' keys.
    await expect(provider.read({ path: "any" }, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    const { metadata } = google.server.calls.at(-1) ?? {};
    const { headers } = google.server.requests.at(-1)?.request ?? {};
    const token = String(transport === "gRPC" ? metadata?.authorization : headers?.authorization).replace("Bearer ", "");
    expect(decodeJwt(token)).toMatchObject({ aud: "https://secretmanager.googleapis.com/" });
    await provider.close?.();
  });

  it("close ends what is under way, as closed", async () => {
    google.server.seed("waiting", "v");
    const provider = google.create();
    google.server.faults.next({ kind: "hang" });
    const waiting = provider.read({ path: "waiting" }, callContext());
    const outcome = expect(waiting).rejects.toMatchObject({ code: "closed" });
    await expect.poll(() => google.server.faults.pending).toBe(0);
    const startedAt = performance.now();
    await provider.close?.();
    await outcome;
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    await expect(provider.list!({ prefix: "" }, callContext())).rejects.toMatchObject({ code: "closed" });
  });

  it("two accounts stand side by side, each with its own rights", async () => {
    google.server.seed("shared", "v");
    google.server.restrict("reader@test-project", ["secretmanager.versions.access"]);
    const reader = google.create({ credentials: bearer(await googleToken(google.tokens, "reader@test-project")) });
    const secrets = createSecrets({ providers: { reader, writer: google.create() } });
    expect((await secrets.get("reader://shared")).text()).toBe("v");
    await expect(secrets.put("reader://shared", "w")).rejects.toMatchObject({ code: "permission-denied", provider: "reader" });
    await expect(secrets.put("reader://new", "w")).rejects.toMatchObject({ code: "permission-denied" });
    expect(await secrets.put("writer://shared", "w")).toEqual({ version: "2" });
    await expect(reader.check!(callContext())).rejects.toMatchObject({ code: "permission-denied" });
    expect(findLeak(secrets, [google.token])).toBeUndefined();
    expect(inspect(reader, { depth: Infinity, showHidden: true })).not.toContain("Bearer");
    await secrets.close();
  });

  it("default credentials come from GOOGLE_APPLICATION_CREDENTIALS, with the project of GOOGLE_CLOUD_PROJECT", async () => {
    google.server.seed("ambient", "v");
    const exchange = createServer(async (_request, response) => {
      const token = { access_token: google.token, expires_in: 3600, token_type: "Bearer" };
      const issued = { ...token, issued_token_type: "urn:ietf:params:oauth:token-type:access_token" };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(issued));
    });
    await new Promise<void>((resolve) => exchange.listen(0, "127.0.0.1", resolve));
    const folder = await mkdtemp(path.join(tmpdir(), "keyhold-gcp-"));
    const file = path.join(folder, "credentials.json");
    await writeFile(path.join(folder, "token"), "a workload's own token");
    const configuration = {
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `http://127.0.0.1:${(exchange.address() as AddressInfo).port}/token`,
      credential_source: { file: path.join(folder, "token") },
    };
    await writeFile(file, JSON.stringify(configuration));
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    vi.stubEnv("GOOGLE_CLOUD_PROJECT", google.server.projectId);
    const ambient: GcpOptions = { credentials: undefined as never, projectId: undefined as never };
    const provider = google.create(ambient);
    expect((await provider.read({ path: "ambient" }, callContext())).version).toBe("1");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", path.join(folder, "missing.json"));
    const without = google.create(ambient);
    await expect(without.read({ path: "ambient" }, callContext())).rejects.toMatchObject({
      code: "unauthenticated",
      hint: expect.stringMatching(/GOOGLE_APPLICATION_CREDENTIALS|its path/),
    });
    await provider.close?.();
    await without.close?.();
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
    exchange.closeAllConnections();
    await new Promise((resolve) => exchange.close(resolve));
  });
});

describe("gcp()", () => {
  it("refuses options that no call could use", () => {
    for (const options of [
      { apiEndpoint: "https://secretmanager.googleapis.com" },
      { apiEndpoint: "user@host" },
      { location: "evil.example/" },
      { projectId: "a/b" },
    ]) {
      expect(() => gcp(options)).toThrow(expect.objectContaining({ code: "invalid-argument", hint: expect.any(String) }));
    }
  });

  it("asks for a project where none is named, before anything is sent", async () => {
    vi.stubEnv("GOOGLE_CLOUD_PROJECT", "");
    vi.stubEnv("GCLOUD_PROJECT", "");
    const provider = gcp({ credentials: bearer("x"), apiEndpoint: "127.0.0.1:1" });
    await expect(provider.read({ path: "x" }, callContext())).rejects.toMatchObject({
      code: "invalid-argument",
      hint: expect.stringMatching(/projectId/),
    });
    await provider.close?.();
    vi.unstubAllEnvs();
  });

  it("lets no path choose a host, a version or another resource", async () => {
    const provider = gcp({ projectId: "test-project", credentials: bearer("x"), apiEndpoint: "127.0.0.1:1" });
    for (const secret of [
      "a/versions/2",
      "projects/p/secrets/s/versions/2",
      "projects/p/topics/t",
      "projects/p?x/secrets/s",
      "a:b",
      "",
    ]) {
      await expect(provider.read({ path: secret }, callContext())).rejects.toMatchObject({ code: "invalid-argument" });
    }
    await provider.close?.();
  });

  it("loads no SDK when it is imported and none when it is made, and says how to install one that is missing", async () => {
    const program = `
      import { createRequire } from "node:module";
      import { registerHooks } from "node:module";
      const loaded = [];
      let hidden = false;
      registerHooks({ resolve(name, context, next) {
        if (name.startsWith("@google-cloud/") || name.startsWith("google-")) loaded.push(name);
        if (hidden && name === "@google-cloud/secret-manager") throw new Error("not found");
        return next(name, context);
      } });
      const { gcp } = await import("@keyhold/gcp");
      const { callContext } = await import("@keyhold/core");
      const provider = gcp({ projectId: "test-project", credentials: { getRequestHeaders: async () => ({}) } });
      console.log(JSON.stringify({ loaded: [...loaded] }));
      hidden = true;
      await provider.read({ path: "x" }, callContext()).catch(({ code, hint }) => console.log(JSON.stringify({ code, hint })));
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@keyhold/source", "--no-warnings", "--input-type=module", "--eval", program],
      { cwd: import.meta.dirname },
    );
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { loaded: [] },
      {
        code: "unsupported",
        hint: expect.stringMatching(/^npm install @google-cloud\/secret-manager, or .*@keyhold\/gcp\/lean/),
      },
    ]);
  });
});
