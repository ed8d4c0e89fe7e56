import { CommanderError } from "commander";
import { createProgram } from "./program.ts";
import type { StartFailure } from "./run-child.ts";
import { exitStatus } from "./usage-error.ts";

/** Runs one command line and gives its exit status. Never rejects: every failure is reported on standard error. */
export async function main(words: readonly string[]): Promise<number> {
  let status: number = exitStatus.done;
  const program = createProgram((own) => {
    status = own;
  });
  try {
    if (words[0] === "__complete") {
      const { complete } = await import("./complete.ts");
      await complete(program, words.slice(1));
    } else {
      await program.parseAsync(words, { from: "user" });
    }
    return status;
  } catch (error) {
    // Commander throws to end also where help or the version was asked for and has been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return exitStatus.done;
    const end = words.indexOf("--");
    const { reportError } = await import("./report-error.ts");
    reportError(error, { json: words.slice(0, end === -1 ? undefined : end).includes("--json") });
    if (error instanceof CommanderError) return exitStatus.usage;
    return (error as StartFailure).exitCode ?? exitStatus.failed;
  }
}
