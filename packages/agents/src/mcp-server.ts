import { SecretsError } from "@keyhold/core";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { type HttpCall, mcpCall } from "./mcp-call.ts";
import { mcpReferences } from "./mcp-references.ts";
import { type SecretFetchOptions, secretFetch } from "./secret-fetch.ts";

export interface McpServerOptions extends SecretFetchOptions {
  /** How large an answer may be once it is decompressed, in bytes: a model reads it as a whole. Default: 1 MiB. */
  readonly maxResponseBytes?: number;
}

/** The version is that of the tools. */
const self = { name: "keyhold", version: "1" };

const instructions = `Calls HTTP APIs with credentials that you never see. list_references tells which there are and where each may go. In call_http a credential is written \${reference}, in the header or query parameter that list_references names; it is put in on the way out, and taken out of the answer.`;

/** What both the server and its tools are made with. Loaded here, as it takes a tenth of a second. */
async function loadSdk() {
  try {
    const [{ McpServer }, { z }] = await Promise.all([import("@modelcontextprotocol/sdk/server/mcp.js"), import("zod")]);
    return { McpServer, z };
  } catch {
    throw new SecretsError("unsupported", "the package @modelcontextprotocol/sdk is not installed", {
      hint: "npm install @modelcontextprotocol/sdk zod",
    });
  }
}

/**
 * Makes an MCP server for agents of any make: `list_references` names the secrets that rules let it use, and `call_http` sends a
 * request with them, as `secretFetch` does. No tool gives a value. Connect it to a transport of the SDK, and close it, which ends its
 * connections too.
 *
 * @throws SecretsError `invalid-argument` for rules that are incomplete or contradict each other, `unsupported` where the peers
 * `@modelcontextprotocol/sdk` and `zod` are not installed.
 * @example
 * const server = await mcpServer({ secrets, allow: [{ reference: "aws://prod/github#token", host: "api.github.com", header: "authorization" }] });
 * await server.connect(new StdioServerTransport());
 */
export async function mcpServer(options: McpServerOptions): Promise<McpServer> {
  const fetch = secretFetch({ maxResponseBytes: 1024 * 1024, ...options });
  const references = mcpReferences(options.allow);
  const { McpServer, z } = await loadSdk();
  const server = new McpServer(self, { instructions });
  server.server.onclose = () => void fetch.close();

  server.registerTool(
    "list_references",
    {
      description: "Lists the credentials that call_http can use, and where each may go. It gives names, never values.",
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () => ({ content: [{ type: "text", text: JSON.stringify({ references }, null, 2) }] }),
  );

  // So that events say which tool it was.
  const granted = fetch.grant({ tool: "call_http", references: references.map(({ reference }) => reference) });
  server.registerTool(
    "call_http",
    {
      description: `Sends an HTTP request and gives its answer. Write a credential as \${reference}, in the header or query parameter that list_references names for it; never in the body.`,
      inputSchema: {
        method: z.string().optional().describe("GET where it is left out"),
        url: z.string().describe("https://…"),
        headers: z.record(z.string(), z.string()).optional(),
        body: z.string().optional(),
      },
      annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
    },
    (call, { signal }) => mcpCall(granted.fetch, call as HttpCall, signal),
  );
  return server;
}
