import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { httpClient } from "@keyhold/http";
import { callContext } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import { answer, rawServer } from "./servers.ts";

describe.skipIf(process.platform === "win32")("a Unix socket (Windows has none)", () => {
  it("is spoken to over plain http and over TLS, and kept for the next request", async () => {
    const { ca, cert, key } = await makeCertificates({ hosts: ["agent.internal"] });
    const directory = mkdtempSync(path.join(tmpdir(), "keyhold-socket-"));
    for (const [scheme, tls] of [["http", undefined] as const, ["https", { cert, key }] as const]) {
      const socketPath = path.join(directory, scheme);
      const server = await rawServer((socket) => socket.write(answer(`"${scheme}"`)), { path: socketPath, ...(tls && { tls }) });
      const client = httpClient({ baseUrl: `${scheme}://agent.internal/v1`, socketPath, tls: { ca } });
      for (let index = 0; index < 3; index++) {
        expect((await client.request({ path: "/read" }, callContext())).json()).toBe(scheme);
      }
      expect(server.requests[0]).toMatch(/^GET \/v1\/read HTTP\/1\.1\r\n[\s\S]*host: agent\.internal\r\n/);
      expect(server.connections()).toBe(1);
      client.close();
      await server.close();
    }
    const client = httpClient({ baseUrl: "http://localhost", socketPath: path.join(directory, "nobody") });
    const error = await client.request({ path: "/" }, callContext()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unavailable", retryable: true, hint: expect.stringContaining("socketPath") });
    expect(String(error)).not.toContain(directory);
    rmSync(directory, { recursive: true });
  });
});
