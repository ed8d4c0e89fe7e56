import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A key-value store whose one secret has another version at each read. */
export interface Versions {
  readonly url: string;
  /** Reads of the secret. */
  reads: number;
  close(): Promise<void>;
}

/** Answers as Vault does: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#sample-response-1 */
export async function startVersions(): Promise<Versions> {
  const server = createServer((request, response) => {
    const isRead = request.url?.startsWith("/v1/secret/data/");
    if (isRead) versions.reads += 1;
    const metadata = { version: versions.reads, created_time: "2026-01-01T00:00:00Z", destroyed: false };
    const data = isRead ? { data: { value: "value" }, metadata } : { ttl: 0 };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ data }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const versions: Versions = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads: 0,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return versions;
}
