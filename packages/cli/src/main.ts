import { CommanderError } from "commander";
import { createProgram } from "./program.ts";
import type { StartFailure } from "./run-child.ts";
import { exitStatus } from "./usage-error.ts";

/**
 * Runs one command line. Never rejects: every failure is reported on standard error and becomes `process.exitCode`, as
 * `process.exit` would cut off output that a pipe has not taken yet.
 */
export async function main(words: readonly string[]): Promise<void> {
  try {
    const program = createProgram();
    if (words[0] === "__complete") {
      const { complete } = await import("./complete.ts");
      await complete(program, words.slice(1));
    } else {
      await program.parseAsync(words, { from: "user" });
    }
  } catch (error) {
    // Commander throws to end also where help or the version was asked for and has been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const end = words.indexOf("--");
    const { reportError } = await import("./report-error.ts");
    reportError(error, { json: words.slice(0, end === -1 ? undefined : end).includes("--json") });
    process.exitCode =
      error instanceof CommanderError ? exitStatus.usage : ((error as StartFailure).exitCode ?? exitStatus.failed);
  }
}
