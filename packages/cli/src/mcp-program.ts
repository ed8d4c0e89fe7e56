import { Command } from "commander";
import { collect, examples, withCommonOptions } from "./command-parts.ts";

function run(end: (status: number) => void): Command {
  return (
    withCommonOptions(new Command("run"))
      .summary("run an MCP server with the references in its environment resolved")
      .description(
        "Runs an MCP server that talks over standard input and output. Variables that hold references get the values, for that process only; of the others it gets PATH, HOME, LANG, TMPDIR and those that --pass names. With --mcp-config the command, its arguments and all its variables come from a file such as .mcp.json. Standard output is the server's alone. Signals and status are as in keyhold run.",
      )
      .argument("[command...]", "the server's command and its arguments, which hold no references")
      // Not --config, which is Keyhold's own file everywhere.
      .option("--mcp-config <path>", 'take the server from this file: { "mcpServers": { NAME: { command, args, env } } }')
      .option("--server <name>", "which server of that file, where there are several")
      .option("--pass <variable>", "also hand this variable over as it is; may be repeated", collect)
      .passThroughOptions()
      .addHelpText(
        "after",
        examples(
          ["GITHUB_TOKEN=aws://prod/github#token keyhold mcp run -- github-mcp stdio", "one variable"],
          ["keyhold mcp run --mcp-config .mcp.json --server github", "references in a file that can be committed"],
        ),
      )
      .action(async (words, options) => end(await (await import("./commands/mcp-run.ts")).mcpRun(words, options)))
  );
}

function serve(): Command {
  return withCommonOptions(new Command("serve"))
    .summary("be an MCP server whose tools use secrets and never show them")
    .description(
      "Talks MCP over standard input and output. Its tools are list_references, which names the secrets that the rules in the config (agents.allow) let go somewhere, and call_http, which sends a request with them. No tool gives a value, and answers are cleaned of them.",
    )
    .addHelpText("after", examples(["keyhold mcp serve --config keyhold.config.mts", "what an MCP client is told to start"]))
    .action(async (options) => (await import("./commands/mcp-serve.ts")).mcpServe(options));
}

/** `keyhold mcp`: MCP servers that get secrets, and one that uses them for its client. */
export function mcp(end: (status: number) => void): Command {
  const command = new Command("mcp")
    .summary("run MCP servers with secrets, or be one")
    .description("Runs MCP servers with the secrets they need, or serves tools that use secrets and never show them.")
    .helpCommand(false)
    // As in the whole program: options behind `run` are those of what it runs.
    .enablePositionalOptions();
  return command.addCommand(run(end)).addCommand(serve());
}
