import { SecretsError } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { packageVersion } from "../package-version.ts";
import { withSecrets } from "../with-secrets.ts";

async function loadSdk() {
  try {
    const [{ McpServer }, { StdioServerTransport }] = await Promise.all([
      import("@modelcontextprotocol/sdk/server/mcp.js"),
      import("@modelcontextprotocol/sdk/server/stdio.js"),
    ]);
    return { McpServer, StdioServerTransport };
  } catch {
    throw new SecretsError("unsupported", "the package @modelcontextprotocol/sdk is not installed", {
      hint: "Install it where keyhold is: npm install @modelcontextprotocol/sdk zod",
    });
  }
}

/** Serves until the client closes its end, or a signal comes. */
export async function mcpServe(options: CommonOptions): Promise<void> {
  await withSecrets(options, async ({ config: { agents }, secrets }) => {
    if (agents === undefined || !agents.allow?.length) {
      throw new SecretsError("invalid-argument", "the config has no rules that say where a secret may go", {
        hint: 'Add to it: agents: { allow: [{ reference: "local://github", host: "api.github.com", header: "authorization" }] }',
      });
    }
    const { McpServer, StdioServerTransport } = await loadSdk();
    const { addSecretTools } = await import("@keyhold/agents/mcp");
    const server = new McpServer({ name: "keyhold", version: packageVersion() });
    const tools = await addSecretTools(server, { ...agents, secrets });
    const transport = new StdioServerTransport();
    const ended = new Promise<void>((resolve) => {
      transport.onclose = resolve;
      // The transport itself does not look whether its client is still there.
      process.stdin.once("end", resolve).once("close", resolve);
      process.stdout.on("error", () => resolve());
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
    });
    await server.connect(transport);
    await ended;
    await server.close();
    await tools.close();
    process.stdin.destroy();
  });
}
