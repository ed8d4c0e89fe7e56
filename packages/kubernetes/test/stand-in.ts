import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type Certificates, makeCertificates } from "../../../test/servers/certificates.ts";

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly token: string | undefined;
  readonly accept: string | undefined;
  readonly body: string;
}

/** Answers one request. Nothing returned: it is never answered. */
export type Answering = (asked: Asked, response: ServerResponse, request: IncomingMessage) => unknown;

/** A small HTTPS server in the place of an API server, for what a real one does seldom or never. */
export interface StandIn {
  readonly url: string;
  readonly port: number;
  readonly ca: string;
  readonly asked: readonly Asked[];
  /** Connections that are open now. */
  readonly sockets: number;
  /** Answers from now on in this way. */
  answer(by: Answering): void;
  close(): Promise<void>;
}

export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

/** A failure in the API server's own words. */
export const sendStatus = (response: ServerResponse, code: number, reason: string, more: object = {}, headers = {}) =>
  sendJson(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, ...more }, headers);

export const secretBody = (name: string, data: Readonly<Record<string, string>>, resourceVersion = "1") => ({
  kind: "Secret",
  apiVersion: "v1",
  metadata: { name, namespace: "ml", resourceVersion, creationTimestamp: new Date().toISOString() },
  data: Object.fromEntries(Object.entries(data).map(([field, text]) => [field, Buffer.from(text).toString("base64")])),
});

export async function startStandIn(
  options: { readonly tls?: Certificates; readonly requestCert?: { readonly ca: string }; readonly answer?: Answering } = {},
): Promise<StandIn> {
  const { cert, key, ca } = options.tls ?? (await makeCertificates());
  const asked: Asked[] = [];
  const sockets = new Set<Duplex>();
  let answering: Answering = options.answer ?? ((_asked, response) => sendStatus(response, 404, "NotFound"));
  const clients = options.requestCert ? { requestCert: true, rejectUnauthorized: true, ca: options.requestCert.ca } : {};
  const server: Server = createServer({ cert, key, ...clients }, (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece) => {
      body += piece;
    });
    request.on("end", () => {
      const { authorization, accept } = request.headers;
      const one = { method: request.method ?? "", url: request.url ?? "", token: authorization?.slice(7), accept, body };
      asked.push(one);
      void answering(one, response, request);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    ca,
    asked,
    get sockets() {
      return sockets.size;
    },
    answer(by) {
      answering = by;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
