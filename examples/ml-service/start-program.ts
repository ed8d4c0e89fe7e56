import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ServerProcess, startProcess } from "../../test/servers/processes.ts";

/** A program of this folder as a process of its own. */
export interface Program extends ServerProcess {
  /** Where it listens, as it said in its first line. */
  readonly url: string;
  /** Asks it to end, and waits until it says so. `stop` is for one that must not be waited for. */
  end(lastWords: string): Promise<void>;
}

const patienceMs = 120_000;
const address = /(http:\/\/127\.0\.0\.1:\d+)\s/;

/** Starts a program with this environment and no more than it needs of ours; resolves when it listens. */
export async function startProgram(file: string, environment: Readonly<Record<string, string>>): Promise<Program> {
  const program = await startProcess({
    name: file,
    command: process.execPath,
    args: ["--conditions=@keyhold/source", path.join(import.meta.dirname, file)],
    env: { PATH: process.env.PATH, ...environment },
    readyWithinMs: patienceMs,
    ready: (output) => address.test(output),
  });
  return {
    ...program,
    url: address.exec(program.output())?.[1] ?? "",
    async end(lastWords) {
      process.kill(program.pid, "SIGTERM");
      for (const endsAt = Date.now() + patienceMs; !program.output().includes(lastWords); await sleep(50))
        if (Date.now() > endsAt) throw new Error(`${file} did not end. It printed:\n${program.output()}`);
      await program.stop();
    },
  };
}
