import { Argument, Command, type CommanderError, Option } from "commander";
import { collect, examples, withCommonOptions } from "./command-parts.ts";
import { mcp } from "./mcp-program.ts";
import { packageVersion } from "./package-version.ts";

const statuses = `
Exit status: 0 done; 1 failed, with a typed error; 2 a wrong command line. run gives back the status of what it ran.`;

const reference = "a reference such as aws://prod/db#password; a bare NAME stands for local://NAME";

function init(): Command {
  return new Command("init")
    .summary("make an encrypted store, its key and a config file")
    .description(
      "Makes what is missing: an encrypted store, the identity that opens it, and keyhold.config.mts in the current folder. Nothing that exists is overwritten.",
    )
    .option("--passphrase", "protect the identity with a passphrase, which is asked for without echo")
    .option("--post-quantum", "use hybrid post-quantum keys; they cannot be mixed with others in one store")
    .option("--json", "print JSON: results on standard output, errors on standard error")
    .addHelpText(
      "after",
      examples(["keyhold init", "then: keyhold set openai"], ["keyhold init --passphrase", "asks for a passphrase"]),
    )
    .action(async (options) => (await import("./commands/init.ts")).init(options));
}

function set(): Command {
  return withCommonOptions(new Command("set"))
    .summary("store a value, asked for without echo or read from a pipe")
    .description(
      "Stores a value as a new version. On a terminal it is asked for without echo. Otherwise standard input is stored byte for byte, without the one newline that may end it. A value is never an argument. A provider of named fields takes a JSON object.",
    )
    .argument("<name>", reference)
    .option("--raw", "keep the newline that ends standard input")
    .option("--allow-empty", "store an empty value, which is otherwise taken for a mistake")
    .addHelpText(
      "after",
      examples(
        ["keyhold set openai", "asks for the value"],
        ["keyhold set tls/key < key.pem", "from a file"],
        ["openssl rand -hex 32 | keyhold set session", "from another program"],
      ),
    )
    .action(async (name, options) => (await import("./commands/set.ts")).set(name, options));
}

function get(): Command {
  return withCommonOptions(new Command("get"))
    .summary("give a value to a pipe, or with --reveal to the terminal")
    .description(
      "Writes a value, byte for byte, to standard output when that is a pipe or a file. On a terminal it is shown only with --reveal.",
    )
    .argument("<name>", reference)
    .option("--reveal", "show the value on the terminal")
    .addHelpText(
      "after",
      examples(
        ["keyhold get openai | wc -c", "to a pipe"],
        ["keyhold get --reveal local://db#password", "one field, on the terminal"],
        ["keyhold get 'openai?version=2' > old", "an older version"],
      ),
    )
    .action(async (name, options) => (await import("./commands/get.ts")).get(name, options));
}

function list(): Command {
  return withCommonOptions(new Command("list"))
    .summary("list names, versions and ages, never values")
    .description("Lists the secrets whose names start with the prefix: names, versions and ages, never values.")
    .argument("[prefix]", "a reference's beginning such as vault://secret/; without it, local://")
    .addHelpText("after", examples(["keyhold list", "the local store"], ["keyhold list aws://prod/ --json", "for a program"]))
    .action(async (prefix, options) => (await import("./commands/list.ts")).list(prefix, options));
}

function versions(): Command {
  return withCommonOptions(new Command("versions"))
    .summary("list the versions of a secret, never values")
    .description("Lists the versions of one secret, newest first: states, stages and ages, never values.")
    .argument("<name>", reference)
    .addHelpText("after", examples(["keyhold versions openai", "then: keyhold get 'openai?version=2'"]))
    .action(async (name, options) => (await import("./commands/versions.ts")).versions(name, options));
}

function remove(): Command {
  return withCommonOptions(new Command("remove"))
    .summary("remove a secret, or one version of it")
    .description("Removes a secret, or the one version that the reference names. Asks first; without a terminal it wants --yes.")
    .argument("<name>", reference)
    .option("-y, --yes", "do not ask")
    .addHelpText(
      "after",
      examples(["keyhold remove openai", "asks first"], ["keyhold remove --yes 'openai?version=2'", "one version, at once"]),
    )
    .action(async (name, options) => (await import("./commands/remove.ts")).remove(name, options));
}

function rotate(): Command {
  return withCommonOptions(new Command("rotate"))
    .summary("replace a credential by a new one that was proved to work")
    .description(
      "Makes a new value, keeps it as the pending one, has it accepted, proves that it works, and makes it the current one. A rotation that ended early is gone on with by the next. Steps are told on standard error.",
    )
    .argument("<name>", reference)
    .addOption(
      new Option("--with <rotator>", "how it is rotated")
        .choices(["postgres", "random", "hmac", "key-pair", "jwks"])
        .makeOptionMandatory(),
    )
    .option("--admin <reference>", "postgres: a login that may change the password")
    .addOption(new Option("--strategy <name>", "postgres: two roles in turn, or one").choices(["alternating", "single"]))
    .option("--field <name>", "random: draw this field anew, and keep the rest")
    .option("--length <number>", "random, postgres: how many characters")
    .option("--coordinator <reference>", "where a backend without compare-and-set keeps who may rotate")
    .option("--dry-run", "prove what can be proved, and change nothing")
    .option("--abandon-pending", "give up a value that waits since the secret was written by somebody else")
    .addHelpText(
      "after",
      examples(
        ["keyhold rotate aws://prod/db --with postgres --admin aws://prod/db-admin", "two roles in turn"],
        ["keyhold rotate session --with random --length 48", "in the local store"],
      ),
    )
    .action(async (name, options) => (await import("./commands/rotate.ts")).rotate(name, options));
}

function run(end: (status: number) => void): Command {
  return (
    withCommonOptions(new Command("run"))
      .summary("run a command with the references in its environment resolved")
      .description(
        `Runs a command. Each environment variable whose value is a reference to a configured provider, or holds $\{reference} as in config files, gets the value for that process only. Signals are passed on. Keyhold's own identity variables are taken out. The status is the command's own, 128 + N when signal N ended it, 127 when there is no such command and 126 when it cannot be run.`,
      )
      .argument("<command...>", "the command and its arguments; what stands in them is not resolved")
      // Not --env-file: Node itself looks for that one behind the script's name too, and ends when there is no such file.
      .option("--dotenv <path>", "also take variables from this .env file; the environment wins, then the last file", collect)
      .passThroughOptions()
      .addHelpText(
        "after",
        examples(
          ["OPENAI_API_KEY=local://openai keyhold run -- node server.js", "one variable"],
          ["keyhold run --dotenv .env -- npm start", "references in a file that can be committed"],
        ),
      )
      .action(async (words, options) => end(await (await import("./commands/run.ts")).run(words, options)))
  );
}

function doctor(end: (status: number) => void): Command {
  return withCommonOptions(new Command("doctor"))
    .summary("ask each provider: reachable, signed in as whom, may do what")
    .description(
      "Asks each provider of the config, or those that are named: whether it answers, who it says we are, what we may do there, how far this machine's clock is off, and how many days its certificate is still good. Without names it also checks the rules in agents.allow. Status 1 when one of them fails.",
    )
    .argument("[provider...]", "names of providers; without any, all of them")
    .addHelpText("after", examples(["keyhold doctor", "all providers"], ["keyhold doctor aws --json", "one, for a program"]))
    .action(async (names, options) => end(await (await import("./commands/doctor.ts")).doctor(names, options)));
}

function completion(): Command {
  return new Command("completion")
    .summary("print a completion script for bash, zsh or fish")
    .description("Prints a script that completes commands, options and the names of secrets.")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      examples(
        ['eval "$(keyhold completion bash)"', "in ~/.bashrc"],
        ['eval "$(keyhold completion zsh)"', "in ~/.zshrc, after compinit"],
        ["keyhold completion fish | source", "in ~/.config/fish/config.fish"],
      ),
    )
    .action(async (shell) => (await import("./commands/completion.ts")).completion(shell));
}

function version(): Command {
  return new Command("version")
    .summary("print the versions of Keyhold and Node")
    .option("--json", "print JSON")
    .action(async (options) => (await import("./commands/version.ts")).version(options));
}

/**
 * The whole command line: what can be typed. What a command does is in a file of its own, imported when it runs. One that ends
 * with an exit status of its own hands it to `end`.
 */
export function createProgram(end: (status: number) => void): Command {
  const program = new Command("keyhold")
    .description("One interface for every secrets manager.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpCommand("help [command]", "show the help of a command")
    // Options behind the command's name belong to it, so that `run` leaves those of what it runs alone.
    .enablePositionalOptions()
    .addHelpText("after", statuses);
  const storing = [init(), set(), get(), list(), versions(), remove(), rotate()];
  const commands = [...storing, run(end), mcp(end), doctor(end), completion(), version()];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands, ...commands.flatMap((one) => one.commands)]) {
    command.helpOption("-h, --help", "show this help");
    // Errors are thrown to main, which words and prints them.
    command.exitOverride((error: CommanderError) => {
      throw error;
    });
    command.configureOutput({ outputError: () => {} });
  }
  return program;
}
