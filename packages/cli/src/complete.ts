import type { Command } from "commander";
import { askVariable } from "./ask.ts";
import { writeOutput } from "./write-output.ts";

/** One thing that may stand at the cursor. */
interface Candidate {
  readonly value: string;
  readonly meaning?: string | undefined;
}

/** Tells the shell's script to complete the names of files. */
const filesMark = ":files";
/** A backend that takes longer leaves the names out: nobody waits for a completion. */
const deadlineMs = 2_000;

/**
 * What the completion scripts ask for: a line for each candidate, `value<TAB>meaning`. `words` are those behind `keyhold`, the last
 * one being typed. It never asks, never fails and never gives a value.
 */
export async function complete(program: Command, words: readonly string[]): Promise<void> {
  process.env[askVariable] = "never";
  const found = await candidates(program, words.slice(0, -1), words.at(-1) ?? "");
  if (found === "files") return writeOutput(`${filesMark}\n`);
  const current = words.at(-1) ?? "";
  const lines = found
    .filter(({ value }) => value.startsWith(current))
    .map(({ value, meaning }) => (meaning === undefined ? `${value}\n` : `${value}\t${meaning}\n`));
  return writeOutput(lines.join(""));
}

async function candidates(parent: Command, before: readonly string[], current: string): Promise<readonly Candidate[] | "files"> {
  const commands = parent.createHelp().visibleCommands(parent);
  const command = commands.find((item) => item.name() === before[0]);
  if (command === undefined) return before.length > 0 ? [] : current.startsWith("-") ? options(parent) : summaries(commands);
  if (command.commands.length > 0) return candidates(command, before.slice(1), current);
  const { operands, pending } = split(command, before.slice(1));
  if (pending) return "files";
  if (command.name() === "run" && (operands.length > 0 || before.includes("--"))) return "files";
  if (current.startsWith("-")) return options(command);
  if (command.name() === "help") return operands.length > 0 ? [] : summaries(commands);
  const argument = command.registeredArguments[operands.length];
  if (argument === undefined) return [];
  if (argument.argChoices) return argument.argChoices.map((value) => ({ value }));
  if (argument.name() === "name" || argument.name() === "prefix") return names(current, before);
  return "files";
}

function summaries(commands: readonly Command[]): readonly Candidate[] {
  return commands.map((command) => ({ value: command.name(), meaning: command.summary() || command.description() }));
}

function options(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? "", meaning: description }));
}

/** The operands so far, and whether the word at the cursor is the path that an option waits for. */
function split(command: Command, words: readonly string[]): { readonly operands: readonly string[]; readonly pending: boolean } {
  const operands: string[] = [];
  let pending = false;
  for (const word of words) {
    if (pending) pending = false;
    else if (!word.startsWith("-")) operands.push(word);
    else pending = command.options.some((option) => option.required && (option.long === word || option.short === word));
  }
  return { operands, pending };
}

/** The names of secrets under what is typed, and the providers. */
async function names(current: string, before: readonly string[]): Promise<readonly Candidate[]> {
  const { openConfig } = await import("./open-config.ts");
  const { createSecrets } = await import("@keyhold/core");
  const at = before.indexOf("--config");
  try {
    const config = await openConfig(at === -1 ? {} : { config: before[at + 1] as string });
    const secrets = createSecrets({ providers: config.providers, deadlineMs });
    const [, provider, rest] = /^([^:]+):\/\/(.*)$/.exec(current) ?? [];
    const prefix = provider === undefined ? `local://${current}` : `${provider}://${rest}`;
    const found: Candidate[] =
      provider === undefined ? Object.keys(config.providers).map((name) => ({ value: `${name}://` })) : [];
    try {
      for await (const { reference } of secrets.list(prefix)) {
        const typed = provider === undefined ? reference.slice("local://".length) : reference;
        found.push({ value: withoutShellCharacters(typed) });
      }
    } catch {
      // Out of reach, or a provider that has no list: the rest is still of use.
    } finally {
      await secrets.close();
    }
    return found;
  } catch {
    return [];
  }
}

/** Percent-encodes what a shell would act on: a name comes from a backend, and the shell puts it on the command line unquoted. */
function withoutShellCharacters(reference: string): string {
  return reference.replace(/[^A-Za-z0-9._:/@%+,-]/g, (character) =>
    Array.from(new TextEncoder().encode(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}
