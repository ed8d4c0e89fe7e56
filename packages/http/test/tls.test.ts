import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TlsOptions as ServerTlsOptions, TLSSocket } from "node:tls";
import { isSecretsError, type SecretsError } from "@keyhold/core";
import { httpClient, type TlsOptions } from "@keyhold/http";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CertificateAuthority, type Certificates, certificateAuthority } from "../../../test/servers/certificates.ts";
import { transportError } from "../src/transport-error.ts";

let authority: CertificateAuthority;
let good: Certificates;
beforeAll(async () => {
  authority = await certificateAuthority();
  good = await authority.issue();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An HTTPS server; the answer names the TLS version and whose client certificate came. */
async function serve(tls: ServerTlsOptions): Promise<string> {
  const server = createServer(tls, (request, response) => {
    const socket = request.socket as TLSSocket;
    response.end(JSON.stringify({ protocol: socket.getProtocol(), client: socket.getPeerCertificate()?.subject?.CN }));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `https://localhost:${(server.address() as AddressInfo).port}`;
}

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** An HTTPS server that requires a client certificate and says what is wrong with it. */
async function serveByOpenssl(): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), "keyhold-tls-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  for (const name of ["ca", "cert", "key"] as const) writeFileSync(path.join(directory, name), good[name], { mode: 0o600 });
  const files = ["-cert", "cert", "-key", "key", "-CAfile", "ca", "-Verify", "2", "-verify_return_error", "-www"];
  const server = spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", ...files], { cwd: directory });
  cleanups.push(() => server.kill("SIGKILL"));
  let output = "";
  for await (const chunk of server.stdout) {
    output += chunk;
    const port = /ACCEPT [^\n]*:(\d+)/.exec(output)?.[1];
    if (port !== undefined) {
      server.stdout.resume();
      server.stderr.resume();
      return `https://localhost:${port}`;
    }
  }
  throw new Error(`openssl s_server ended: ${output}`);
}

async function get(baseUrl: string, tls: TlsOptions): Promise<unknown> {
  const client = httpClient({ baseUrl, tls });
  cleanups.push(() => client.close());
  return (await client.request({ path: "/" }, callContext())).json();
}

async function failure(baseUrl: string, tls: TlsOptions): Promise<SecretsError> {
  try {
    await get(baseUrl, tls);
  } catch (error) {
    if (isSecretsError(error)) return error;
    throw error;
  }
  throw new Error("the connection was accepted");
}

describe("a server's certificate", () => {
  it("is accepted under the given authority, and tells when it expires", async () => {
    const client = httpClient({ baseUrl: await serve(good), tls: { ca: authority.ca } });
    cleanups.push(() => client.close());
    expect(client.certificateExpiresAt()).toBeUndefined();
    for (let index = 0; index < 2; index++) await client.request({ path: "/" }, callContext());
    const days = ((client.certificateExpiresAt() as number) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(9);
    expect(days).toBeLessThan(11);
  });

  it("that has expired is unavailable, told as such, and not to be tried again", async () => {
    const error = await failure(await serve(await authority.issue({ expired: true })), { ca: authority.ca });
    expect([error.code, error.retryable]).toEqual(["unavailable", false]);
    expect(error.message).toContain("has expired");
  });

  it("of an authority that nobody named is unavailable, with the way out", async () => {
    for (const tls of [{}, { ca: (await certificateAuthority()).ca }]) {
      const error = await failure(await serve(good), tls);
      expect([error.code, error.retryable]).toEqual(["unavailable", false]);
      expect(error.message).toContain("not trusted");
      expect(error.hint).toContain("tls.ca");
    }
  });

  it("for another host is unavailable, unless that name is expected", async () => {
    const baseUrl = await serve(await authority.issue({ hosts: ["vault.internal"] }));
    const error = await failure(baseUrl, { ca: authority.ca });
    expect([error.code, error.retryable]).toEqual(["unavailable", false]);
    expect(error.message).toContain("another host name");
    await expect(get(baseUrl, { ca: [authority.ca], servername: "vault.internal" })).resolves.toMatchObject({
      protocol: "TLSv1.3",
    });
  });

  it("is verified even where the environment turns verification off; the control shows that a plain request does not", async () => {
    const baseUrl = await serve(await authority.issue({ expired: true }));
    const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
    const { emitWarning } = process;
    process.emitWarning = () => {};
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      expect((await failure(baseUrl, { ca: authority.ca })).code).toBe("unavailable");
      expect((await fetch(baseUrl)).status).toBe(200);
    } finally {
      process.emitWarning = emitWarning;
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
  });
});

describe("a client certificate", () => {
  const required = () => ({ ...good, ca: authority.ca, requestCert: true, rejectUnauthorized: true });

  it("signs in", async () => {
    const mine = await authority.issue({ hosts: ["service-a"] });
    const answered = await get(await serve(required()), {
      ca: Buffer.from(authority.ca),
      cert: mine.cert,
      key: Buffer.from(mine.key),
    });
    expect(answered).toEqual({ protocol: "TLSv1.3", client: "service-a" });
  });

  // Node's own server hangs up without a word; OpenSSL, like the servers of Vault and Kubernetes, sends an alert.
  it.skipIf(!hasOpenssl)(
    "that is missing, foreign or expired is unauthenticated (skipped where there is no openssl)",
    async () => {
      const baseUrl = await serveByOpenssl();
      const foreign = await (await certificateAuthority()).issue();
      const expired = await authority.issue({ expired: true });
      for (const mine of [{}, { cert: foreign.cert, key: foreign.key }, { cert: expired.cert, key: expired.key }]) {
        const error = await failure(baseUrl, { ca: authority.ca, ...mine });
        expect([error.code, error.retryable]).toEqual(["unauthenticated", false]);
        expect(error.hint).toContain("tls.cert");
      }
    },
  );

  it("that cannot be loaded is refused without repeating it", async () => {
    const baseUrl = await serve(good);
    const other = await authority.issue();
    const wrong: TlsOptions[] = [
      { ca: "canary" },
      { cert: good.cert },
      { cert: good.cert, key: "canary" },
      { cert: "canary", key: good.key },
      { cert: good.cert, key: other.key },
    ];
    for (const tls of wrong) {
      const error = await failure(baseUrl, tls);
      expect(error.code).toBe("invalid-argument");
      expect(`${error.stack}${error.hint}`).not.toContain("canary");
    }
  });
});

describe("TLS", () => {
  it("is 1.2 or newer, or as new as is asked for", async () => {
    const old = await serve({ ...good, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" });
    const middle = await serve({ ...good, maxVersion: "TLSv1.2" });
    const tls = { ca: authority.ca };
    expect(await failure(old, tls)).toMatchObject({ code: "unavailable", retryable: false });
    expect(await get(middle, tls)).toMatchObject({ protocol: "TLSv1.2" });
    expect(await failure(middle, { ...tls, minVersion: "TLSv1.3" })).toMatchObject({ code: "unavailable", retryable: false });
  });

  it("to a port without it is unavailable, with a hint", async () => {
    const server = createPlainServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    const error = await failure(`https://localhost:${(server.address() as AddressInfo).port}`, { ca: authority.ca });
    expect([error.code, error.retryable]).toEqual(["unavailable", false]);
    expect(error.hint).toContain("https");
  });
});

describe("a failed connection", () => {
  it("is told by its code alone", () => {
    const told = (code: string) => transportError(Object.assign(new Error("canary"), { code, host: "canary" }), "vault:8200");
    expect(told("ENOTFOUND")).toMatchObject({ code: "unavailable", retryable: true });
    expect(told("EAI_AGAIN")).toMatchObject({ code: "unavailable", retryable: true });
    expect(told("EHOSTUNREACH")).toMatchObject({ code: "unavailable", retryable: true });
    expect(told("CERT_REVOKED")).toMatchObject({ code: "unavailable", retryable: false });
    expect(told("ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE")).toMatchObject({ code: "unauthenticated", retryable: false });
    for (const error of [told("ENOTFOUND"), transportError(undefined, "vault:8200"), transportError("canary", "vault:8200")]) {
      expect(error.code).toBe("unavailable");
      expect(`${error.stack}${JSON.stringify(error)}`).not.toContain("canary");
    }
  });
});
