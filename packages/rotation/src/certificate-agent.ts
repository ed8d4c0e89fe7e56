import type { Agent, AgentOptions } from "node:https";
import type { Secret } from "@keyhold/core";
import { type ClientCertificate, clientCertificate } from "./client-certificate.ts";
import { type FollowedSecret, rotatingPool } from "./rotating-pool.ts";

export interface CertificateAgentOptions {
  readonly handle: FollowedSecret;
  /** What `https.Agent` takes, but for `cert`, `key`, `pfx` and `secureContext`. Default: `{ keepAlive: true }`. */
  readonly agent?: Omit<AgentOptions, "cert" | "key" | "pfx" | "passphrase" | "secureContext">;
  /** How a secret of another shape is read. */
  readonly certificate?: (secret: Secret) => ClientCertificate;
  /** Told of a new certificate that cannot be used; the one before goes on serving. */
  readonly onError?: (error: unknown) => void;
}

/**
 * An `https.Agent` that shows the newest client certificate: requests that begin after a change go over new connections, those under
 * way end on theirs, and idle connections of the certificate before are closed. `agent.destroy()` ends the following too.
 *
 * The key lies in a TLS context alone: an agent that is given `key` itself carries it in its options and in the names of its sockets,
 * where a log finds it. Rejects with `decode` for a secret that is no certificate with its key.
 *
 * @example
 * const agent = await certificateAgent({ handle: await secrets.handle("vault://pki/issue/client"), agent: { ca } });
 * https.get("https://api.internal/", { agent });
 */
export async function certificateAgent(options: CertificateAgentOptions): Promise<Agent> {
  const { handle, agent: settings = {}, certificate = clientCertificate, onError } = options;
  const https = process.getBuiltinModule("node:https");
  const tls = process.getBuiltinModule("node:tls");
  const agents = await rotatingPool<PooledAgent>({
    handle,
    onError,
    create(secret) {
      const { cert, key } = certificate(secret);
      const secureContext = tls.createSecureContext({ ...settings, cert, key });
      return new https.Agent({ keepAlive: true, ...settings, secureContext } as AgentOptions) as PooledAgent;
    },
    drain: closeIdle,
  });
  const agent = new https.Agent({ keepAlive: true, ...settings }) as PooledAgent;
  // What Node's clients hand a request to.
  agent.addRequest = (request, requestOptions) => agents.current.addRequest(request, requestOptions);
  agent.destroy = () => {
    void agents.close();
    agents.current.destroy();
  };
  return agent;
}

interface PooledAgent extends Agent {
  addRequest(request: unknown, options: unknown): void;
}

/** Keeps nothing: what is idle is closed now, and what is in use when its request has ended. */
function closeIdle(agent: PooledAgent): void {
  agent.keepSocketAlive = () => false;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
