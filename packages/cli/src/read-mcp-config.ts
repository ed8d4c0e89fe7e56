import { readFile } from "node:fs/promises";
import path from "node:path";
import { argumentName, isLiteralCredential } from "@keyhold/agents/mcp";
import { SecretsError } from "@keyhold/core";
import { isLiteralVariable } from "./is-literal-variable.ts";
import { parseJson } from "./parse-json.ts";
import { type Environment, hasReference } from "./resolve-environment.ts";
import { usageError } from "./usage-error.ts";

/** A server that an MCP client would start. */
export interface McpServerEntry {
  /** The command and its arguments. */
  readonly words: readonly string[];
  /** Its own variables, with references. */
  readonly environment: Environment;
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

async function readText(file: string, name: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SecretsError(code === "ENOENT" ? "not-found" : "invalid-argument", `${name} cannot be read (${code})`, {
      hint: "Check --mcp-config.",
    });
  }
}

/** The one that was named, or the only one. */
function choose(servers: Fields, wanted: string | undefined, name: string): [server: string, entry: Fields] {
  const names = Object.keys(servers);
  const server = wanted ?? (names.length === 1 ? names[0] : undefined);
  if (server === undefined) {
    throw usageError(`${name} has ${names.length} servers`, `Say which: --server ${names.join(", --server ") || "NAME"}`);
  }
  const entry = Object.hasOwn(servers, server) ? servers[server] : undefined;
  if (isFields(entry)) return [server, entry];
  throw new SecretsError("not-found", `${name} has no such server`, { hint: `It has: ${names.join(", ") || "none"}.` });
}

/**
 * One server of an `mcp.json`: `{ "mcpServers": { NAME: { "command", "args", "env" } } }`. Other keys are the client's.
 *
 * @throws SecretsError `not-found` for no such file or server; `invalid-argument` for one that is not started by a command, for a
 * reference among arguments, which everybody on the machine can see, and for a credential that stands there itself.
 */
export async function readMcpConfig(
  file: string,
  wanted: string | undefined,
  providers: readonly string[],
): Promise<McpServerEntry> {
  const name = path.basename(file);
  const refuse = (message: string, hint: string) => new SecretsError("invalid-argument", `${name}: ${message}`, { hint });
  const document = parseJson(await readText(file, name), name);
  const servers = isFields(document) ? document.mcpServers : undefined;
  if (!isFields(servers)) {
    throw refuse(
      "there is no mcpServers in it",
      'It reads { "mcpServers": { "NAME": { "command": …, "args": [], "env": {} } } }.',
    );
  }
  const [server, { command, args = [], env = {} }] = choose(servers, wanted, name);
  if (typeof command !== "string" || command === "") {
    throw refuse(
      `${server} has no command`,
      "Only servers that run here get secrets so. One that has a URL is the client's to call.",
    );
  }
  if (!Array.isArray(args) || !args.every((argument) => typeof argument === "string")) {
    throw refuse(`args of ${server} is no list of texts`, 'Write "args": ["stdio"].');
  }
  if (!isFields(env) || !Object.values(env).every((value) => typeof value === "string")) {
    throw refuse(`env of ${server} is no object of texts`, 'Write "env": { "NAME": "local://name" }.');
  }
  const environment = env as Environment;
  for (const [variable, value] of Object.entries(environment)) {
    if (isLiteralVariable(hasReference(value, providers) ? "" : variable, value)) {
      throw refuse(
        `env.${variable} of ${server} holds what looks like a credential, and not a reference to a provider of the config`,
        `Store it with keyhold set, write its reference here, such as local://${server}, and have a new one issued: this one stood in a file. If it is none, take it out of the file, set it outside, and hand it over with --pass ${variable}.`,
      );
    }
  }
  if (args.some((argument, index) => isLiteralCredential(argument, argumentName(args, index)))) {
    throw refuse(
      `args of ${server} hold what looks like a credential`,
      "Arguments are seen by everybody on this machine. Give it to the server in a variable, as a reference.",
    );
  }
  return { words: [command, ...args], environment };
}
