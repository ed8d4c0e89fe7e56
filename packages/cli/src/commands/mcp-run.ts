import { SecretsError } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { type McpServerEntry, readMcpConfig } from "../read-mcp-config.ts";
import { type Environment, hasReference, resolveEnvironment } from "../resolve-environment.ts";
import { runChild } from "../run-child.ts";
import { usageError } from "../usage-error.ts";
import { warnOfUnresolved } from "../warn-of-unresolved.ts";
import { withSecrets } from "../with-secrets.ts";

export interface McpRunOptions extends CommonOptions {
  readonly mcpConfig?: string;
  readonly server?: string;
  readonly pass?: readonly string[];
}

/**
 * What a program cannot do without. Everything else is left out: it may be what this command itself signs in to its providers
 * with, and an MCP server is other people's code.
 */
const always: ReadonlySet<string> = new Set(
  process.platform === "win32"
    ? ["PATH", "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA"]
    : ["PATH", "HOME", "LANG", "TMPDIR"],
);

/** Windows spells PATH as it likes. */
const spelled = (name: string): string => (process.platform === "win32" ? name.toUpperCase() : name);

/** The variables of this process that pass a test by name and value. */
function inherited(passes: (name: string, value: string) => boolean): Environment {
  const own = Object.entries(process.env as Environment);
  return Object.fromEntries(own.filter(([name, value]) => passes(spelled(name), value)));
}

async function findServer(
  words: readonly string[],
  { mcpConfig, server }: McpRunOptions,
  providers: readonly string[],
): Promise<McpServerEntry> {
  if (mcpConfig !== undefined) {
    if (words.length === 0) return readMcpConfig(mcpConfig, server, providers);
    throw usageError("a command and --mcp-config", "The file says what is run: leave out one of the two.");
  }
  if (server !== undefined) throw usageError("--server without --mcp-config", "Say where that server is described.");
  if (words.length === 0) throw usageError("no server to run", "keyhold mcp run -- COMMAND, or --mcp-config FILE");
  return { words, environment: inherited((_name, value) => hasReference(value, providers)) };
}

/** Gives the exit status of the server. */
export async function mcpRun(words: readonly string[], options: McpRunOptions): Promise<number> {
  // The secrets stay open while the server runs, so that what it was given is not revoked under it.
  return withSecrets(options, async ({ config, secrets }) => {
    const providers = Object.keys(config.providers);
    const server = await findServer(words, options, providers);
    if (server.words.some((word) => hasReference(word, providers))) {
      throw new SecretsError("invalid-argument", "a reference among the server's arguments", {
        hint: "Arguments are seen by everybody on this machine, so none is resolved. Give it to the server in a variable.",
      });
    }
    if (!options.json) warnOfUnresolved({ ...inherited(() => true), ...server.environment }, providers);
    const passed = new Set(options.pass?.map(spelled));
    const environment = { ...inherited((name) => always.has(name) || passed.has(name)), ...server.environment };
    return runChild(server.words, await resolveEnvironment(environment, secrets, providers));
  });
}
