import { spawnSync } from "node:child_process";
import { onFreePort, type ServerProcess, startProcess } from "../../../test/servers/processes.ts";

export interface RedisServer {
  readonly port: number;
  readonly adminPassword: string;
  close(): Promise<void>;
}

/** Whether this machine has Redis: Debian's package is `redis-server`. */
export const hasRedis: boolean = spawnSync("redis-server", ["--version"]).status === 0;

/** Redis in memory, on loopback. The user `default` signs in with `adminPassword`. */
export async function startRedis(): Promise<RedisServer> {
  const adminPassword = "admin-of-the-test";
  let port = 0;
  const server: ServerProcess = await onFreePort((free) => {
    port = free;
    const settings = { bind: "127.0.0.1", port: `${free}`, save: "", appendonly: "no", requirepass: adminPassword };
    return startProcess({
      name: "Redis",
      command: "redis-server",
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      ready: (output) => output.includes("Ready to accept connections"),
    });
  });
  return { port, adminPassword, close: () => server.stop() };
}
