import { SecretsError } from "@keyhold/core";
import { type HttpCall, mcpCall } from "./mcp-call.ts";
import { mcpReferences } from "./mcp-references.ts";
import { type SecretFetchOptions, secretFetch } from "./secret-fetch.ts";

export interface SecretToolsOptions extends SecretFetchOptions {
  /** How large an answer may be once it is decompressed, in bytes: a model reads it as a whole. Default: 1 MiB. */
  readonly maxResponseBytes?: number;
}

/** What is asked of an MCP server: the `McpServer` of `@modelcontextprotocol/sdk` has it. */
export interface ToolServer {
  registerTool(name: string, config: never, callback: never): unknown;
}

export interface SecretTools {
  /** Ends the connections, and with them calls under way. Close the server first. */
  close(): Promise<void>;
}

/** Loaded when it is needed, as is all that is for MCP. Whoever has the protocol's SDK has it. */
async function loadZod() {
  try {
    return (await import("zod")).z;
  } catch {
    throw new SecretsError("unsupported", "the package zod is not installed", {
      hint: "npm install @modelcontextprotocol/sdk zod",
    });
  }
}

/**
 * Adds two tools to an MCP server: `list_references` names the secrets that the rules let it use, and `call_http` sends a request with
 * them, as `secretFetch` does. Neither gives a value, and answers are cleaned of them.
 *
 * @throws SecretsError `invalid-argument` for rules that are incomplete or contradict each other, `unsupported` without `zod`.
 * @example
 * const server = new McpServer({ name: "apis", version: "1" });
 * const allow = [{ reference: "aws://prod/github#token", host: "api.github.com", header: "authorization" }];
 * const tools = await addSecretTools(server, { secrets, allow });
 * await server.connect(new StdioServerTransport());
 */
export async function addSecretTools(server: ToolServer, options: SecretToolsOptions): Promise<SecretTools> {
  const fetch = secretFetch({ maxResponseBytes: 1024 * 1024, ...options });
  const references = mcpReferences(options.allow);
  // So that events say which tool it was.
  const granted = fetch.grant({ tool: "call_http", references: references.map(({ reference }) => reference) });
  const z = await loadZod();
  const register = server.registerTool.bind(server) as (name: string, config: object, callback: unknown) => unknown;

  register(
    "list_references",
    {
      description: "Lists the credentials that call_http can use, and where each may go. It gives names, never values.",
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () => ({ content: [{ type: "text", text: JSON.stringify({ references }, null, 2) }] }),
  );
  register(
    "call_http",
    {
      description: `Sends an HTTP request and gives its answer. Write a credential as \${reference}, in the header or query parameter that list_references names for it; never in the body. It is put in on the way out, and taken out of the answer.`,
      inputSchema: {
        method: z.string().optional().describe("GET where it is left out"),
        url: z.string().describe("https://…"),
        headers: z.record(z.string(), z.string()).optional(),
        body: z.string().optional(),
      },
      annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
    },
    (call: HttpCall, { signal }: { readonly signal: AbortSignal }) => mcpCall(granted.fetch, call, signal),
  );
  return { close: () => fetch.close() };
}
