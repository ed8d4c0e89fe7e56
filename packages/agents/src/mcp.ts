export { type McpServerOptions, mcpServer } from "./mcp-server.ts";
