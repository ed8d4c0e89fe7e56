import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { ServiceReport, ServiceTask } from "./service.ts";

const compileCache = path.join(import.meta.dirname, "../../node_modules/.cache/compile");
const program = path.join(import.meta.dirname, "service.ts");

/** Runs a process to its end. `report` is undefined when it was killed. */
export async function runService(task: ServiceTask): Promise<{ signal: string | null; report: ServiceReport | undefined }> {
  const child = spawn(process.execPath, ["--conditions=@keyhold/source", "--no-warnings", program, JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [, signal] = await once(child, "close");
  return { signal, report: output === "" ? undefined : JSON.parse(output) };
}

/** As `runService`, for a process that is not killed. */
export async function reportOf(task: ServiceTask): Promise<ServiceReport> {
  const { report } = await runService(task);
  if (report === undefined) throw new Error("the service said nothing");
  return report;
}

export interface Backend {
  readonly url: string;
  /** What it answers to each name; anything else is 404. */
  readonly values: Map<string, string>;
  /** Answers every request with this status instead. */
  status: number | undefined;
  /** Takes it off the network, and brings it back under the same port. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** A backend over real HTTP, which can be taken off the network. */
export async function startBackend(): Promise<Backend> {
  const values = new Map<string, string>();
  const server = createServer((request, response) => {
    const value = values.get((request.url as string).slice(1));
    const status = backend.status ?? (value === undefined ? 404 : 200);
    response.writeHead(status, { connection: "close" }).end(status === 200 ? value : "");
  });
  const up = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await up(0);
  const { port } = server.address() as AddressInfo;
  const backend: Backend = {
    url: `http://127.0.0.1:${port}`,
    values,
    status: undefined,
    down: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    up: () => up(port),
  };
  return backend;
}
