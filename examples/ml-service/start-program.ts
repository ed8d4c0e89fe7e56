import path from "node:path";
import { type ServerProcess, startProcess } from "../../test/servers/processes.ts";

/** A program of this folder as a process of its own. */
export interface Program extends ServerProcess {
  /** Where it listens, as it said in its first line. */
  readonly url: string;
}

const address = /(http:\/\/127\.0\.0\.1:\d+)\s/;

/** Starts a program with this environment and no more than it needs of ours; resolves when it listens. */
export async function startProgram(file: string, environment: Readonly<Record<string, string>>): Promise<Program> {
  const program = await startProcess({
    name: file,
    command: process.execPath,
    args: ["--conditions=@keyhold/source", path.join(import.meta.dirname, file)],
    env: { PATH: process.env.PATH, ...environment },
    readyWithinMs: 60_000,
    ready: (output) => address.test(output),
  });
  return { ...program, url: address.exec(program.output())?.[1] ?? "" };
}
