import { SecretsError } from "@keyhold/core";
import type { VaultAuth } from "./auth.ts";
import type { ServerOptions } from "./http-transport.ts";

/**
 * Leaves signing in to a Vault Agent or Vault Proxy, which puts a token of its own into each request that brings none.
 * https://developer.hashicorp.com/vault/docs/agent-and-proxy/proxy/apiproxy#using-auto-auth-token
 */
export const agentAuth: VaultAuth = {
  method: "agent",
  issuesTokens: false,
  login: async () => ({ token: undefined, ttlMs: undefined, renewable: false }),
};

/** Where an agent listens. @throws SecretsError `invalid-argument` for a socket without an absolute path. */
export function agentServer(agent: string): Pick<ServerOptions, "address" | "socketPath"> {
  if (!agent.startsWith("unix:")) return { address: agent };
  const socketPath = agent.slice("unix:".length).replace(/^\/\//, "");
  if (socketPath.startsWith("/")) return { address: "http://localhost", socketPath };
  throw new SecretsError("invalid-argument", "the agent's Unix socket has no absolute path", {
    provider: "vault",
    hint: "Write it like unix:///run/vault/agent.sock.",
  });
}
