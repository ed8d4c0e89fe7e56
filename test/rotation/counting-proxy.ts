import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Hands every request on to a server over plain HTTP, and keeps which came when. */
export interface CountingProxy {
  readonly url: string;
  readonly requests: { readonly path: string; readonly at: number }[];
  close(): Promise<void>;
}

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const requests: CountingProxy["requests"] = [];
  const server = createServer((incoming, answer) => {
    requests.push({ path: (incoming.url ?? "").replace("/v1/", ""), at: performance.now() });
    const outgoing = request(`${target}${incoming.url}`, { method: incoming.method, headers: incoming.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    // The server is down: so is the way to it.
    outgoing.on("error", () => answer.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
