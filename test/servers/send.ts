import type { IncomingHttpHeaders } from "node:http";
import { request as requestHttps } from "node:https";

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly timeoutMs?: number;
}

export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** Parsed on the way out: throws for what is no JSON. */
  json(): any;
}

/** One bare HTTPS request, for tests of the servers themselves. Rejects when the connection fails. */
export function send(
  server: { readonly port: number; readonly ca: string },
  method: string,
  path: string,
  options: SendOptions = {},
): Promise<Received> {
  return new Promise((resolve, reject) => {
    const { promise, resolve: got, reject: failed } = Promise.withResolvers<Received>();
    promise.then(resolve, reject);
    const headers = {
      ...(options.body !== undefined && { "content-length": String(Buffer.byteLength(options.body)) }),
      ...options.headers,
    };
    const request = requestHttps(
      {
        host: "127.0.0.1",
        port: server.port,
        ca: server.ca,
        method,
        path,
        headers,
        timeout: options.timeoutMs ?? 60_000,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", failed);
        response.on("end", () => {
          const body = Buffer.concat(chunks);
          got({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            text: body.toString(),
            json: () => JSON.parse(String(body)),
          });
        });
      },
    );
    request.on("timeout", () => request.destroy(new Error("timed out")));
    request.on("error", failed);
    request.end(options.body);
  });
}
