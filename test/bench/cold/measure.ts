import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { makeCertificates } from "../../servers/certificates.ts";
import type { ServerAddress, ServerSettings } from "./server.ts";
import { secretText } from "./settings.ts";

/** What one program took, round by round. */
export interface Measured {
  readonly ms: number[];
  /** Processor time up to the same moment, which a busy machine changes less. */
  readonly cpuMs: number[];
  /** The most memory that was resident at once, in MB of 1,000,000 bytes. */
  readonly megabytes: number[];
  /** How many requests the servers saw in one run. */
  trips: number;
}

/** The servers, in a process of their own, and the environment that leads programs to them. */
export interface ColdServer {
  readonly environment: NodeJS.ProcessEnv;
  /** How many requests came since this was asked last. */
  requests(): Promise<number>;
  close(): void;
}

async function message<T>(server: ChildProcess): Promise<T> {
  return (await once(server, "message"))[0] as T;
}

export async function startColdServer(folder: string): Promise<ColdServer> {
  const { ca, cert, key } = await makeCertificates();
  const server = fork(path.join(import.meta.dirname, "server.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const socketPath = path.join(folder, "s");
  server.send({ cert, key, socketPath } satisfies ServerSettings);
  const { httpsPort, httpPort } = await message<ServerAddress>(server);
  const http = `http://127.0.0.1:${httpPort}`;
  return {
    environment: {
      PATH: process.env.PATH,
      // Where the vendors' clients look for files of theirs, and find none.
      HOME: folder,
      COLD_SECRET: secretText,
      COLD_CA: ca,
      COLD_HTTPS: String(httpsPort),
      COLD_HTTP: String(httpPort),
      COLD_SOCKET: socketPath,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${http}/container-credentials`,
      IDENTITY_ENDPOINT: `${http}/managed-identity`,
      IDENTITY_HEADER: "bench",
      GCE_METADATA_HOST: `127.0.0.1:${httpPort}`,
      METADATA_SERVER_DETECTION: "assume-present",
    },
    async requests() {
      server.send("requests");
      return message<number>(server);
    },
    close: () => server.disconnect(),
  };
}

/** Starts a program and gives how long it took to its first secret, from before its process was made. */
export async function runOnce(
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<{ ms: number; cpuMs: number; megabytes: number }> {
  const startedAt = process.hrtime.bigint();
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let failure = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    failure += text;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const [status] = await once(child, "close");
  clearTimeout(timer);
  if (status !== 0 || output === "") throw new Error(`${program} ended with ${status}:\n${failure.slice(0, 4_000)}`);
  const [at, cpuMicroseconds, kilobytes] = JSON.parse(output) as [string, number, number];
  return { ms: Number(BigInt(at) - startedAt) / 1e6, cpuMs: cpuMicroseconds / 1e3, megabytes: (kilobytes * 1024) / 1e6 };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

/** Runs all programs `rounds` times in changing order. Runs before the first fill the machine's caches, and Node's. */
export async function measure(programs: ReadonlyMap<string, string>, rounds: number, server: ColdServer) {
  const measured = new Map(
    [...programs.keys()].map((name): [string, Measured] => [name, { ms: [], cpuMs: [], megabytes: [], trips: 0 }]),
  );
  for (let round = -2; round < rounds; round += 1) {
    for (const [name, file] of shuffled([...programs])) {
      const { ms, cpuMs, megabytes } = await runOnce(file, server.environment);
      const found = measured.get(name) as Measured;
      found.trips = await server.requests();
      if (round < 0) continue;
      found.ms.push(ms);
      found.cpuMs.push(cpuMs);
      found.megabytes.push(megabytes);
    }
    if (process.stderr.isTTY) process.stderr.write(`\rround ${Math.max(round + 1, 0)} of ${rounds} `);
  }
  if (process.stderr.isTTY) process.stderr.write("\r                    \r");
  return measured;
}
