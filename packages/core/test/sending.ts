import { createHmac, type JsonWebKey } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** A server on a free port of this machine. */
export async function listen(listener: RequestListener): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Issuer {
  /** Where its keys are published. */
  readonly keysUrl: string;
  /** How often they were fetched. */
  readonly fetches: () => number;
  /** Whether it is there at all. */
  isDown: boolean;
  sign(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Makes new keys, and publishes those alone. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

/** Signs tokens, and publishes its keys as JWKs. By a library of others, so that two implementations have to agree. */
export async function startIssuer(algorithm: "RS256" | "ES256" = "RS256"): Promise<Issuer> {
  let serial = 0;
  const make = async () => {
    serial += 1;
    const { privateKey, publicKey } = await generateKeyPair(algorithm);
    const jwk: JsonWebKey = { ...(await exportJWK(publicKey)), kid: `key-${serial}`, use: "sig", alg: algorithm };
    return { privateKey, jwk };
  };
  let key = await make();
  let fetches = 0;
  const server = await listen((_request, response) => {
    fetches += 1;
    if (issuer.isDown) return response.writeHead(503).end();
    return response.setHeader("cache-control", "public, max-age=3600").end(JSON.stringify({ keys: [key.jwk] }));
  });
  const issuer: Issuer = {
    keysUrl: `${server.url}/keys`,
    fetches: () => fetches,
    isDown: false,
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: algorithm, typ: "JWT", kid: key.jwk.kid as string, ...header })
        .sign(key.privateKey),
    async rotate() {
      key = await make();
    },
    close: () => server.close(),
  };
  return issuer;
}

/** The headers of Standard Webhooks. */
export function signed(key: Uint8Array, body: string, id: string, sentAt: number): Record<string, string> {
  const timestamp = String(Math.floor(sentAt / 1_000));
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${mac}` };
}
