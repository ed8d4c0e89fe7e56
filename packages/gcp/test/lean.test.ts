import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gcp } from "@keyhold/gcp/lean";
import { heldTokens } from "@keyhold/identity";
import { callContext } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import { startConnectProxy } from "../../../test/servers/connect-proxy.ts";
import { bearer, type Google, startServers } from "./servers.ts";

let google: Google;
beforeAll(async () => {
  const hosts = ["127.0.0.1", "secretmanager.googleapis.com", "secretmanager.europe-west3.rep.googleapis.com"];
  google = await startServers("lean", { tls: await makeCertificates({ hosts }) });
  google.server.seed("login", "value");
  google.server.seed("regional", "value", { location: "europe-west3" });
});
afterAll(() => google.close());
afterEach(() => {
  vi.unstubAllEnvs();
  expect(google.server.violations).toEqual([]);
});

/** The tokens of a workload, counted. */
function workload() {
  const scopes: string[] = [];
  const tokens = heldTokens(async (scope) => {
    scopes.push(scope);
    return { token: google.token, expiresAt: Date.now() + 3_600_000 };
  });
  return { tokens, scopes };
}

const create = (options: NonNullable<Parameters<typeof gcp>[0]>) =>
  gcp({ projectId: "test-project", apiEndpoint: `127.0.0.1:${google.server.port}`, tls: { ca: google.server.ca }, ...options });

describe("a workload's tokens", () => {
  it("are asked for once, with Google's scope for all of its services, and serve one provider after another", async () => {
    const { tokens, scopes } = workload();
    for (let round = 0; round < 2; round += 1) {
      const provider = create({ credentials: tokens });
      await Promise.all(Array.from({ length: 10 }, () => provider.read({ path: "login" }, callContext())));
      await provider.close?.();
    }
    expect(scopes).toEqual(["https://www.googleapis.com/auth/cloud-platform"]);
  });

  it("are replaced once within the call when Google refuses one, and not again at once", async () => {
    const { tokens, scopes } = workload();
    const provider = create({ credentials: tokens });
    const requests = async (work: () => Promise<unknown>) => {
      const before = google.server.requests.length;
      await work();
      return google.server.requests.slice(before).map(({ answer }) => answer?.status);
    };
    await provider.read({ path: "login" }, callContext());
    google.server.faults.next({ kind: "status", status: 401 });
    expect(await requests(() => provider.read({ path: "login" }, callContext()))).toEqual([401, 200]);
    expect(scopes).toHaveLength(2);
    google.server.faults.next({ kind: "status", status: 401 });
    const refused = () =>
      expect(provider.read({ path: "login" }, callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await requests(refused)).toEqual([401]);
    expect(scopes).toHaveLength(2);
    await provider.close?.();
  });
});

describe("the service's address", () => {
  it("is Google's own, and the region's own for a location", async () => {
    const proxy = await startConnectProxy(google.server.port);
    for (const name of ["HTTPS_PROXY", "https_proxy"]) vi.stubEnv(name, proxy.url);
    for (const name of ["NO_PROXY", "no_proxy"]) vi.stubEnv(name, "");
    const common = { projectId: "test-project", credentials: bearer(google.token), tls: { ca: google.server.ca } };
    const [global, regional] = [gcp(common), gcp({ ...common, location: "europe-west3" })];
    expect((await global.read({ path: "login" }, callContext())).version).toBe("1");
    expect((await regional.read({ path: "regional" }, callContext())).version).toBe("1");
    await expect(regional.read({ path: "login" }, callContext())).rejects.toMatchObject({ code: "not-found" });
    expect(proxy.targets).toEqual(["secretmanager.googleapis.com:443", "secretmanager.europe-west3.rep.googleapis.com:443"]);
    await global.close?.();
    await regional.close?.();
    await proxy.close();
  });
});

describe("the project that nobody names", () => {
  /** A metadata server that is asked for the project and for a token. */
  async function metadataServer(project: { readonly status: number; readonly flavor?: string }) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const isToken = request.url?.includes("/token") === true;
      const mayAsk = request.headers["metadata-flavor"] === "Google";
      response.writeHead(mayAsk ? (isToken ? 200 : project.status) : 403, {
        "metadata-flavor": isToken ? "Google" : (project.flavor ?? "Google"),
        "content-type": isToken ? "application/json" : "application/text",
      });
      response.end(
        isToken ? JSON.stringify({ access_token: google.token, expires_in: 3600, token_type: "Bearer" }) : "test-project",
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    vi.stubEnv("GCE_METADATA_HOST", `127.0.0.1:${(server.address() as AddressInfo).port}`);
    const close = () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    };
    return { asked, close };
  }

  /** Nothing of this machine's own. */
  function bareEnvironment(folder: string) {
    for (const name of ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_IP"]) {
      vi.stubEnv(name, "");
    }
    vi.stubEnv("METADATA_SERVER_DETECTION", "");
    vi.stubEnv("CLOUDSDK_CONFIG", folder);
  }

  const withoutProject = () => gcp({ apiEndpoint: `127.0.0.1:${google.server.port}`, tls: { ca: google.server.ca } });

  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "keyhold-gcp-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("is the machine's, by the metadata server, which is asked once", async () => {
    bareEnvironment(folder);
    const metadata = await metadataServer({ status: 200 });
    const provider = withoutProject();
    await Promise.all(Array.from({ length: 5 }, () => provider.read({ path: "login" }, callContext())));
    expect(metadata.asked.filter((one) => one === "/computeMetadata/v1/project/project-id")).toHaveLength(1);
    await provider.close?.();
    await metadata.close();
  });

  it.each([
    ["does not know", { status: 404 }],
    ["is another server", { status: 200, flavor: "other" }],
  ])("is invalid-argument where the metadata server %s", async (_name, answer) => {
    bareEnvironment(folder);
    const metadata = await metadataServer(answer);
    const provider = withoutProject();
    const reading = provider.read({ path: "login" }, callContext());
    await expect(reading).rejects.toMatchObject({ code: "invalid-argument", hint: expect.stringMatching(/projectId/) });
    await provider.close?.();
    await metadata.close();
  });

  it("is that of the service account's key", async () => {
    bareEnvironment(folder);
    const file = path.join(folder, "key.json");
    // No key: signing in fails after the project was found, and before anything is asked.
    await writeFile(file, JSON.stringify({ type: "service_account", project_id: "not a project" }));
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    const provider = withoutProject();
    await expect(provider.read({ path: "login" }, callContext())).rejects.toMatchObject({ message: "this is no project" });
    await provider.close?.();
  });
});

it("loads neither an SDK nor a network module when it is imported and made, and no SDK when it is used", async () => {
  const program = `
    import { registerHooks } from "node:module";
    const vendor = [];
    registerHooks({ resolve(name, context, next) {
      if (!/^(?:@keyhold\\/|node:|\\.|file:)/.test(name)) vendor.push(name);
      return next(name, context);
    } });
    const { gcp } = await import("@keyhold/gcp/lean");
    const { callContext } = await import("@keyhold/core");
    const credentials = { getRequestHeaders: async () => ({}) };
    const provider = gcp({ projectId: "test-project", credentials, apiEndpoint: "127.0.0.1:1" });
    const network = () => process.moduleLoadList.filter((name) => /^NativeModule (https?|net|tls|dns|internal\\/deps\\/undici\\/undici)$/.test(name)).length;
    const before = network();
    await provider.read({ path: "x" }, callContext()).catch(({ code }) => console.log(before, network() > 0, vendor.join(), code));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@keyhold/source", "--no-warnings", "--input-type=module", "--eval", program],
    { cwd: import.meta.dirname },
  );
  expect(stdout.trim()).toBe("0 true lru-cache unavailable");
});
