import { styleText } from "node:util";
import { isSecretsError, type SecretsError } from "@keyhold/core";
import { CommanderError } from "commander";
import { printable } from "./printable.ts";
import type { UsageError } from "./usage-error.ts";

interface Reported {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly provider?: string | undefined;
  readonly reference?: string | undefined;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly errors?: readonly Reported[] | undefined;
}

/** Commander repeats what was typed, where somebody may have typed a value: only what looks like a name is shown. */
function usage(error: CommanderError & Partial<UsageError>): Reported {
  const [line = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const hint = error.hint ?? suggestion?.replace(/^\((.*)\)$/, "$1") ?? "See keyhold --help.";
  const typedWord = /'([^'=]*)/.exec(line)?.[1] ?? "";
  const shown = /^(--[a-z][a-z-]{0,19}|-[a-z]|[a-z]{1,12})$/i.test(typedWord) ? ` '${typedWord}'` : "";
  switch (error.code) {
    case "commander.unknownOption":
      return { code: "usage", message: `unknown option${shown}`, hint };
    case "commander.unknownCommand":
      return { code: "usage", message: `unknown command${shown}`, hint };
    case "commander.excessArguments":
      return {
        code: "usage",
        message: "too many arguments",
        hint: "A value is never an argument: type it when asked, or pipe it in.",
      };
    case "commander.invalidArgument": {
      // What was typed comes before them.
      const choices = /.*Allowed choices are (.+)\.$/.exec(line)?.[1];
      return {
        code: "usage",
        message: "an argument that is not one of the choices",
        hint: choices === undefined ? hint : `Choices: ${choices}.`,
      };
    }
    default:
      // What remains names arguments and options as they are defined.
      return { code: "usage", message: line, hint };
  }
}

function typed(error: SecretsError): Reported {
  const { code, message, hint, provider, reference, retryable, retryAfterMs, errors } = error;
  return { code, message, hint, provider, reference, retryable, retryAfterMs, errors: errors?.map(typed) };
}

/** A bug of ours. Its message may hold anything, so only where it happened is shown. */
function internal(error: unknown): Reported {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const frames = stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 5);
  return {
    code: "unknown",
    message: [`an internal error${error instanceof Error ? ` (${error.name})` : ""}`, ...frames].join("\n"),
    hint: "This is a bug in Keyhold: please report it with the lines above. They hold no values.",
  };
}

/**
 * Reports a failure on standard error: `keyhold: CODE: message`, then `hint: …`, for each thing that failed; as one line of JSON,
 * `{ "error": … }`, where the command line says `--json`.
 */
export function reportError(error: unknown, { json }: { readonly json: boolean }): void {
  // Called without a command: Commander has printed the help already.
  if (error instanceof CommanderError && error.code === "commander.help") return;
  const found = error instanceof CommanderError ? usage(error) : isSecretsError(error) ? typed(error) : internal(error);
  if (json) {
    process.stderr.write(`${JSON.stringify({ error: found })}\n`);
    return;
  }
  for (const one of found.errors ?? [found]) printForPeople(one);
}

function printForPeople({ code, message, reference, hint }: Reported): void {
  const style = (format: "red" | "cyan", text: string) => styleText(format, text, { stream: process.stderr });
  // What loadConfig finds wrong has the code in its message too.
  const [first = "", ...more] = message.replace(`: ${code}: `, ": ").split("\n").map(printable);
  const about = reference !== undefined && !message.includes(reference) ? ` (${printable(reference)})` : "";
  process.stderr.write(`${style("red", "keyhold:")} ${code}: ${first}${about}\n`);
  for (const line of more) process.stderr.write(`${line}\n`);
  if (hint !== undefined) process.stderr.write(`${style("cyan", "hint:")} ${printable(hint)}\n`);
}
