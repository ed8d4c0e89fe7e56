import { spawn } from "node:child_process";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { afterAll } from "vitest";

/** A process that speaks MCP, and a client of the protocol's own making at its other end. */
export interface McpProcess {
  readonly client: Client;
  readonly pid: number;
  call(name: string, words?: Readonly<Record<string, unknown>>): Promise<CallToolResult>;
  /** Every byte so far. */
  stdout(): Buffer;
  stderr(): string;
  /** Closes its standard input, as clients do to end a server, and gives its status. */
  end(): Promise<number | null>;
  /** Sends a signal, and gives its status. */
  signal(signal: NodeJS.Signals): Promise<number | null>;
}

const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

export interface McpProcessOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a server and connects to it over its standard input and output. */
export async function openMcp([command = "", ...words]: readonly string[], options: McpProcessOptions): Promise<McpProcess> {
  const child = spawn(command, words, options);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk) => out.push(chunk));
  child.stderr.on("data", (chunk) => err.push(chunk));
  child.stdin.on("error", () => {});
  ends.push(() => child.kill("SIGKILL"));
  const client = new Client({ name: "test", version: "1" });
  const closed = new Promise<number | null>((resolve) => {
    child.once("close", (status) => {
      resolve(status);
      client.close();
    });
  });
  // The SDK's transport over two streams, which are a child's here: its own for clients hides what it read.
  await client.connect(new StdioServerTransport(child.stdout, child.stdin), { timeout: 60_000 });
  return {
    client,
    pid: child.pid as number,
    call: async (name, words = {}) =>
      (await client.callTool({ name, arguments: words }, undefined, { timeout: 60_000 })) as CallToolResult,
    stdout: () => Buffer.concat(out),
    stderr: () => Buffer.concat(err).toString(),
    end() {
      child.stdin.end();
      return closed;
    },
    signal(signal) {
      child.kill(signal);
      return closed;
    },
  };
}

/** The text of a tool's result, as a model reads it. */
export function textOf({ content }: CallToolResult): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}
