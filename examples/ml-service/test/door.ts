import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** The way to a server of this machine, which can be shut. */
export interface Door {
  readonly url: string;
  /** `hang`: connections are taken, and nothing gets through in either direction; `refuse`: they break at once. */
  state: "open" | "hang" | "refuse";
  close(): Promise<void>;
}

/** Starts one on a free port. What was on its way when it was shut never arrives, also when it opens again. */
export async function startDoor(port: number): Promise<Door> {
  let state: Door["state"] = "open";
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer({ pauseOnConnect: true }, (client) => {
    keep(client);
    if (state === "refuse") client.resetAndDestroy();
    if (state !== "open") return;
    const upstream = connect(port, "127.0.0.1");
    keep(upstream);
    client.pipe(upstream);
    upstream.pipe(client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get state() {
      return state;
    },
    set state(next) {
      state = next;
      for (const socket of sockets) {
        if (next === "hang") socket.unpipe().pause();
        else socket.destroy();
      }
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
