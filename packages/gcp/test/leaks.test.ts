import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { bareClient } from "./bare-client.ts";
import { bearer, type Google, startServers, transports } from "./servers.ts";

const value = "canary-value-8f3a61";
const refused = "canary-token-51c07d";
const counts = { failures: 0, leaks: 0, bareSdkLeaks: 0 };

afterAll(() => {
  const folder = path.resolve(import.meta.dirname, "../../../node_modules/.cache/keyhold/leaks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "gcp.json"), JSON.stringify({ adapter: "gcp", ...counts }));
  console.log(`gcp: ${counts.failures} failures: ${counts.leaks} leaks; bare SDK: ${counts.bareSdkLeaks} leaks`);
});

const body = JSON.stringify({ error: { code: 403, status: "PERMISSION_DENIED", message: `not you: ${value}` } });
const faults: readonly (Fault | undefined)[] = [
  undefined,
  { kind: "status", status: 400, body },
  { kind: "status", status: 401, body },
  { kind: "status", status: 403, body },
  { kind: "status", status: 429, body },
  { kind: "status", status: 500, body },
  { kind: "status", status: 503, body: `<p>${value}` },
  { kind: "reset" },
  { kind: "html" },
  { kind: "invalid-json" },
  { kind: "wrong-crc" },
  { kind: "large" },
  { kind: "redirect", location: `http://127.0.0.1:9/${value}` },
];

describe.each(transports)("over %s", (transport) => {
  let google: Google;
  beforeAll(async () => {
    google = await startServers(transport);
    google.server.seed("login", value);
  });
  afterAll(() => google.close());

  const portOf = () => (transport === "gRPC" ? google.server.grpcPort : google.server.port);

  it("no failure shows a credential or a value; those of the bare SDK do", async () => {
    const failureOf = (work: Promise<unknown>) =>
      work.then(
        () => undefined,
        (error: unknown) => error,
      );
    for (const token of [google.token, refused]) {
      const canaries = [value, refused, google.token];
      const provider = google.create({ credentials: bearer(token) });
      // Over REST the same client is the control of two.
      const bare =
        transport === "lean" ? undefined : bareClient({ transport, port: portOf(), ca: google.server.ca, token, timeoutMs: 500 });
      for (const fault of faults) {
        counts.failures += 1;
        const asked = fault === undefined ? "missing" : "login";
        if (fault) google.server.faults.next(fault);
        const ours = await failureOf(provider.read({ path: asked }, callContext()));
        expect(ours).toBeInstanceOf(Error);
        if (findLeak(ours, canaries) || findLeak(provider, canaries)) counts.leaks += 1;
        // The bare SDK's error of a token that is really refused holds its whole connection, which takes seconds to print.
        if (fault === undefined || token === refused || bare === undefined) continue;
        google.server.faults.next(fault);
        if (findLeak(await failureOf(bare.read(asked)), canaries)) counts.bareSdkLeaks += 1;
        // Where it gave up before it asked.
        google.server.faults.clear();
      }
      await provider.close?.();
      await bare?.close();
    }
    for (const thrown of [new Error(refused), { code: "ECONNREFUSED", config: { headers: { authorization: refused } } }]) {
      counts.failures += 1;
      const provider = google.create({ credentials: { getRequestHeaders: () => Promise.reject(thrown) } });
      if (findLeak(await failureOf(provider.read({ path: "login" }, callContext())), [refused])) counts.leaks += 1;
      await provider.close?.();
    }
    expect(counts.leaks).toBe(0);
  });

  it("no value is logged where GOOGLE_SDK_NODE_LOGGING is set; the bare SDK logs it", async () => {
    const run = async (mode: string) => {
      const child = path.resolve(import.meta.dirname, "fixtures/logging-child.ts");
      const options = {
        mode,
        transport,
        port: portOf(),
        ca: google.server.ca,
        token: google.token,
        timeoutMs: 5_000,
      };
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ["--conditions=@keyhold/source", "--no-warnings", child, JSON.stringify(options)],
        { env: { ...process.env, GOOGLE_SDK_NODE_LOGGING: "*" } },
      );
      expect(stdout).toContain(`read ${value.length} bytes`);
      return findLeak({ message: stderr + stdout }, [value, JSON.stringify([...Buffer.from(value)]).slice(1, -1), google.token]);
    };
    expect(await run("keyhold")).toBeUndefined();
    if (transport !== "lean") expect(await run("bare")).toBeDefined();
  }, 30_000);
});

it("the bare SDK's errors do leak, so that the search is worth something", () => {
  expect(counts.bareSdkLeaks).toBeGreaterThan(0);
});
