import { createHash, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const digest = (text: string) => createHash("sha256").update(text).digest();

export interface Upstream {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The service that our service calls: it checks the API key of every request for real. A new key is announced with
 * `POST /keys`; the keys before it are refused once `overlapMs` has passed.
 */
export async function startUpstream(firstKey: string, overlapMs: number): Promise<Upstream> {
  const keys = [{ digest: digest(firstKey), endsAt: Number.POSITIVE_INFINITY }];
  const server = createServer((request, response) => {
    const given = digest(request.headers.authorization?.replace(/^Bearer /, "") ?? "");
    const valid = keys.some((key) => timingSafeEqual(key.digest, given) && Date.now() < key.endsAt);
    if (!valid) return void response.writeHead(401).end("unknown API key");
    if (request.method !== "POST" || request.url !== "/keys") return void response.end("42");
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      for (const key of keys) key.endsAt = Math.min(key.endsAt, Date.now() + overlapMs);
      keys.push({ digest: digest(Buffer.concat(chunks).toString()), endsAt: Number.POSITIVE_INFINITY });
      response.writeHead(201).end();
    });
  });
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
