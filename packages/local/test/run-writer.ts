import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Line, Task } from "./writer.ts";

/** A writer that runs. */
export interface RunningWriter {
  readonly process: ChildProcess;
  /** What it has printed so far. */
  readonly lines: readonly Line[];
  /** Resolves with all its lines when it is gone, whatever ended it. */
  readonly ended: Promise<readonly Line[]>;
}

// Without it, each of some hundred processes would strip the types of the same thirty files again: 230 ms instead of 50.
const compileCache = path.join(import.meta.dirname, "../node_modules/.cache/compile");
const program = path.join(import.meta.dirname, "writer.ts");

/** The process that should write could not run at all. */
export class WriterBroken extends Error {}

/**
 * Starts a process that writes. `shell` puts it behind a command, which gets it as `"$@"`: `ulimit -f 8; exec "$@"`.
 */
export function startWriter(task: Task, options: { readonly shell?: string } = {}): RunningWriter {
  const command = [process.execPath, "--conditions=@keyhold/source", "--no-warnings", program, JSON.stringify(task)];
  const [file, ...rest] = options.shell === undefined ? command : ["sh", "-c", options.shell, "sh", ...command];
  const child = spawn(file!, rest, {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: "/",
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  const lines: Line[] = [];
  const output = createInterface({ input: child.stdout! });
  output.on("line", (line) => {
    try {
      lines.push(JSON.parse(line));
    } catch {
      // The last line of a process that was killed may be cut off: then nobody was told.
    }
  });
  const ended = Promise.all([once(output, "close"), once(child, "exit")]).then(([, [status]]) => {
    // A process that fails says how. One that does not even start is a fault of these tests, and no finding.
    if (status && lines.at(-1)?.did !== "fail") throw new WriterBroken(`a writer ended with status ${status} and said nothing`);
    return lines;
  });
  return { process: child, lines, ended };
}

export function runWriter(...parameters: Parameters<typeof startWriter>): Promise<readonly Line[]> {
  return startWriter(...parameters).ended;
}
