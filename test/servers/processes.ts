import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface StartOptions {
  /** What a failure calls it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Asked again and again until it answers true; a rejection counts as not yet. */
  readonly ready: (output: string) => boolean | Promise<boolean>;
  /** Two minutes by default. */
  readonly readyWithinMs?: number;
  /** What asks it to end: SIGTERM by default. */
  readonly stopSignal?: "SIGTERM" | "SIGINT";
}

export interface ServerProcess {
  readonly pid: number;
  /** The last 64 kB of what it printed, both streams. */
  output(): string;
  /** Asks it to end, and makes it end after 5 s. Resolves when it has, also when called again. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would be. Resolves when it has ended. */
  kill(): Promise<void>;
}

const keptOutput = 64 * 1024;
const stopWithinMs = 5_000;

/** A loopback TCP port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Runs `start` with a free port, and again with another if somebody took that one in between. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3 || !/address already in use|could not bind|EADDRINUSE/i.test(String(error))) throw error;
    }
  }
}

/** Starts a server, and resolves once it is ready. Rejects with what it printed if it ends before, or is not ready in time. */
export async function startProcess(options: StartOptions): Promise<ServerProcess> {
  const { name, readyWithinMs = 120_000 } = options;
  // A group of its own, so that Ctrl-C in the terminal reaches only us, and a stop reaches whatever the server started.
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    uid: options.uid,
    gid: options.gid,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-keptOutput);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  let ended: string | undefined;
  const end = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      ended ??= `could not be started: ${error.message}`;
      resolve();
    });
    child.on("exit", (code, signal) => {
      ended ??= `ended with ${signal ?? code}`;
      resolve();
    });
  });
  // The last that it printed may come after its end. Whatever it left running may hold the pipes for ever.
  const printed = new Promise<void>((resolve) => child.on("close", () => resolve()).on("error", () => resolve()));
  const { pid } = child;
  const unwatch = pid === undefined ? () => {} : watch(child, pid);
  void end.then(unwatch);

  const signal = async (which: NodeJS.Signals): Promise<void> => {
    if (pid === undefined) return;
    signalGroup(pid, which);
    const late = new AbortController();
    const killed = delay(stopWithinMs, undefined, { signal: late.signal }).then(
      () => signalGroup(pid, "SIGKILL"),
      () => {},
    );
    await end;
    late.abort();
    await killed;
  };
  const stop = (): Promise<void> => signal(options.stopSignal ?? "SIGTERM");

  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    if (ended !== undefined) {
      await Promise.race([printed, delay(stopWithinMs, undefined, { ref: false })]);
      throw new Error(`${name} ${ended}. It printed:\n${output}`);
    }
    if (await isReady(options, output)) break;
    if (Date.now() > deadline) {
      await stop();
      throw new Error(`${name} was not ready in ${readyWithinMs} ms. It printed:\n${output}`);
    }
    await delay(25);
  }
  return { pid: pid as number, output: () => output, stop, kill: () => signal("SIGKILL") };
}

export interface RunOptions {
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Ends the message of a failure: what may help. */
  readonly hint?: string;
}

/** Runs a program to its end, and gives what it printed to standard output. It does not outlive us, nor does what it started. */
export function runProgram(
  command: string,
  args: readonly string[],
  { hint = "", ...options }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const unwatch = child.pid === undefined ? () => {} : watch(child, child.pid);
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      errors += chunk;
    });
    child.on("error", (error) => reject(new Error(`${command} cannot be run: ${error.message}. ${hint}`)));
    child.on("exit", unwatch);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code ?? signal}. ${hint}\n${errors}${output}`));
    });
  });
}

async function isReady(options: StartOptions, output: string): Promise<boolean> {
  try {
    return await options.ready(output);
  } catch {
    return false;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/**
 * Ends the child when this process goes away in any manner, SIGKILL included: a shell waits on a pipe that only we hold open,
 * and the pipe closes with us. Returns how to send the shell home once the child has ended.
 */
function watch(child: ChildProcess, pid: number): () => void {
  const script = 'read -r line; kill -TERM -"$1"; sleep 3; kill -KILL -"$1"';
  const watcher = spawn("/bin/sh", ["-c", script, "watch", String(pid)], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  watcher.on("error", () => {});
  watcher.unref();
  const exited = (): void => signalGroup(child.pid as number, "SIGKILL");
  // Before folders are removed.
  process.prependListener("exit", exited);
  return () => {
    process.off("exit", exited);
    watcher.kill("SIGKILL");
  };
}
