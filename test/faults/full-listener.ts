import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

/** A port at which a connection is neither made nor refused, as behind a firewall that drops packets. */
export interface FullListener {
  readonly port: number;
  close(): Promise<void>;
}

const connects = (socket: Socket, withinMs: number) =>
  new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), withinMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });

/** Stops a process that listens, and fills its queue until the kernel lets no further connection in. */
export async function startFullListener(): Promise<FullListener> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("children/full-listener.mjs", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const queue: Socket[] = [];
  const add = () => {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    queue.push(socket);
    return socket;
  };
  while (queue.length < 100 && (await connects(add(), 300)));
  return {
    port,
    async close() {
      for (const socket of queue) socket.destroy();
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
