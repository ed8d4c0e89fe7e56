import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Service {
  readonly url: string;
  close(): Promise<void>;
}

/** The service of this example: each request asks the upstream, with the key that `apiKey` gives at that moment. */
export async function startService(upstreamUrl: string, timeoutMs: number, apiKey: () => string): Promise<Service> {
  const server = createServer(async (_request, response) => {
    try {
      const answer = await fetch(upstreamUrl, {
        headers: { authorization: `Bearer ${apiKey()}` },
        signal: AbortSignal.timeout(timeoutMs),
      });
      response.writeHead(answer.ok ? 200 : 502).end(await answer.text());
    } catch {
      response.writeHead(502).end("the upstream did not answer");
    }
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
