import { type AddressInfo, createServer, connect as netConnect, type Socket } from "node:net";

/** What happens to the bytes of a connection on their way from the server to the client. */
export interface ProxyFault {
  /** Before the first byte of each piece, in milliseconds. */
  readonly delayMs?: number;
  /** In pieces of so many bytes. */
  readonly sliceBytes?: number;
  /** What happens after so many bytes from the server, and not before. Default: at once. */
  readonly afterBytes?: number;
  /** `stall`: nothing more comes, for ever; `cut`: the connection ends in good order; `reset`: it breaks. */
  readonly end?: "stall" | "cut" | "reset";
}

/** A wire that breaks on request, between a client and a real server. */
export interface FaultProxy {
  readonly port: number;
  /** Connections that were made to it. */
  connections: number;
  /** Bytes that the server sent over the newest connection. */
  bytesOfNewest: number;
  /** Connections of clients that are open. */
  readonly open: number;
  /** Each further connection, and what still comes over open ones, passes by this. `undefined`: untouched. */
  fault: ProxyFault | undefined;
  /** Where further connections lead. */
  target: number;
  /** Resets every open connection. */
  breakAll(): void;
  close(): Promise<void>;
}

/** Passes the server's bytes on as the proxy's fault says. */
function spoilt(client: Socket, proxy: FaultProxy): (bytes: Buffer) => void {
  let passed = 0;
  let over = false;
  let queue = Promise.resolve();
  const write = (bytes: Buffer, { delayMs = 0, sliceBytes = bytes.length }: ProxyFault) => {
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const piece = bytes.subarray(at, at + sliceBytes);
      queue = queue.then(async () => {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        if (!client.destroyed) client.write(piece);
      });
    }
  };
  return (bytes) => {
    if (over) return;
    const { fault } = proxy;
    if (fault === undefined) return write(bytes, {});
    if (fault.end === undefined) return write(bytes, fault);
    const allowed = Math.max(0, (fault.afterBytes ?? 0) - passed);
    passed += bytes.length;
    write(bytes.subarray(0, allowed), fault);
    if (bytes.length < allowed) return;
    over = true;
    if (fault.end === "cut") queue.then(() => client.end());
    if (fault.end === "reset") queue.then(() => setTimeout(() => client.resetAndDestroy(), 20));
  };
}

/** Starts a proxy in this process, on a free port of 127.0.0.1. */
export async function startFaultProxy(target: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    proxy.connections += 1;
    const own = proxy.connections;
    proxy.bytesOfNewest = 0;
    clients.add(client);
    const upstream = netConnect(proxy.target, "127.0.0.1");
    const pass = spoilt(client, proxy);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        clients.delete(socket);
        (socket === client ? upstream : client).destroy();
      });
    }
    client.pipe(upstream);
    upstream.on("data", (bytes: Buffer) => {
      if (own === proxy.connections) proxy.bytesOfNewest += bytes.length;
      pass(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: FaultProxy = {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    bytesOfNewest: 0,
    fault: undefined,
    target,
    get open() {
      return clients.size;
    },
    breakAll() {
      for (const client of clients) client.resetAndDestroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
