import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

/** What every AWS client of the benchmarks is made with; the rest stays at each client's own defaults. */
export interface ServerSettings {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export async function startSecretServer(delayMs: number): Promise<{ readonly settings: ServerSettings; close(): void }> {
  const child = fork(path.join(import.meta.dirname, "secret-server.ts"), [String(delayMs)]);
  const [port] = (await once(child, "message")) as [number];
  const settings = {
    region: "eu-west-1",
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: "AKIAKEYHOLDBENCH0000", secretAccessKey: "bench" },
  };
  return { settings, close: () => child.disconnect() };
}
