import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

export interface RawServer {
  readonly port: number;
  readonly url: string;
  /** The heads and bodies of the requests, as they came. */
  readonly requests: string[];
  /** How many connections were made. */
  connections(): number;
  /** How many connections are open. */
  open(): number;
  close(): Promise<void>;
}

/** Called for each request with its text, and how many came before it on the same connection. */
export type Respond = (socket: Socket, request: string, earlier: number) => void;

const lengthOf = (head: string): number => Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);

/** A server that answers with exactly the bytes it is told to: over TCP, TLS, or a Unix socket. */
export async function rawServer(respond: Respond, options: { tls?: TlsOptions; path?: string } = {}): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const accept = (socket: Socket) => {
    let received = "";
    let earlier = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      for (;;) {
        const end = received.indexOf("\r\n\r\n");
        if (end === -1 || received.length < end + 4 + lengthOf(received.slice(0, end))) return;
        const size = end + 4 + lengthOf(received.slice(0, end));
        const request = received.slice(0, size);
        received = received.slice(size);
        requests.push(request);
        respond(socket, request, earlier++);
      }
    });
  };
  const server: Server =
    options.tls === undefined
      ? createServer({ noDelay: true }, accept)
      : createTlsServer({ ...options.tls, noDelay: true }, accept);
  // Also under TLS, where a connection exists before its handshake is done.
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => {
    if (options.path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(options.path, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    url: `${options.tls === undefined ? "http" : "https"}://localhost:${port}`,
    requests,
    connections: () => connections,
    open: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A complete answer with a length. */
export function answer(body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}, status = "200 OK"): Buffer {
  const bytes = Buffer.from(body as string);
  const lines = Object.entries({ "content-length": String(bytes.byteLength), ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1"), bytes]);
}

/** Waits until something holds, for as long as the test may take. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
