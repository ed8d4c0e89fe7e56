import { SecretsError } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { withSecrets } from "../with-secrets.ts";

/** Serves until the client closes its end, or a signal comes. */
export async function mcpServe(options: CommonOptions): Promise<void> {
  await withSecrets(options, async ({ config: { agents }, secrets }) => {
    if (agents === undefined || !agents.allow?.length) {
      throw new SecretsError("invalid-argument", "the config has no rules that say where a secret may go", {
        hint: 'Add to it: agents: { allow: [{ reference: "local://github", host: "api.github.com", header: "authorization" }] }',
      });
    }
    const { mcpServer } = await import("@keyhold/agents/mcp");
    const server = await mcpServer({ ...agents, secrets });
    const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
    const transport = new StdioServerTransport();
    const ended = new Promise<void>((resolve) => {
      transport.onclose = resolve;
      // The transport itself does not look whether its client is still there.
      process.stdin.once("end", resolve).once("close", resolve);
      process.stdout.once("error", () => resolve());
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
    });
    await server.connect(transport);
    await ended;
    await server.close();
    process.stdin.destroy();
  });
}
