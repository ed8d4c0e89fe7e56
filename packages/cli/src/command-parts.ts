import type { Command } from "commander";

type Example = readonly [line: string, meaning: string];

/** The examples under a command's help: what to type, and what it does. */
export function examples(...lines: readonly Example[]): string {
  const width = Math.max(...lines.map(([line]) => line.length));
  return ["", "Examples:", ...lines.map(([line, meaning]) => `  $ ${line.padEnd(width)}  # ${meaning}`)].join("\n");
}

/** What every command that reaches a provider takes. */
export function withCommonOptions(command: Command): Command {
  return command
    .option("--config <path>", "use this config file instead of keyhold.config.* in the current folder")
    .option("--json", "print JSON: results on standard output, errors on standard error");
}

/** Gathers what an option that may be repeated was given. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
