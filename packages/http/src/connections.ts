import type { Agent, AgentOptions, ClientRequest } from "node:http";
import type { RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { PreparedRequest } from "./http-request.ts";
import type { Origin } from "./origin.ts";
import { secureContext, type TlsOptions } from "./tls-options.ts";
import { openTunnel } from "./tunnel.ts";

interface ConnectionOptions {
  readonly tls: TlsOptions;
  readonly socketPath: string | undefined;
  readonly proxy: URL | undefined;
}

/** The sockets of one client, kept open between requests. */
export interface Connections {
  send(request: PreparedRequest, signal: AbortSignal): ClientRequest;
  /** Closes the sockets that no request uses. */
  dropIdle(): void;
  /** Closes all sockets. */
  close(): void;
}

/** Below the idle limits of load balancers and of address translation, which forget a connection without a word. */
const idleMs = 55_000;

type OnSocket = (error: Error | null, socket: Duplex) => void;

/** Makes an agent connect through the proxy instead of directly. */
function connectThrough(agent: Agent, proxy: URL, target: string): void {
  agent.createConnection = (options: RequestOptions & { readonly callSignal?: AbortSignal }, onSocket?: OnSocket) => {
    const signal = options.callSignal as AbortSignal;
    openTunnel({ proxy, target, signal }).then(
      (socket) => onSocket?.(null, process.getBuiltinModule("node:tls").connect({ ...options, socket } as object)),
      (error: Error) => onSocket?.(error, undefined as never),
    );
    return undefined;
  };
}

/** Prepares the connections of a client. The modules that it needs load here and not before. */
export function connectionsTo(origin: Origin, { tls, socketPath, proxy }: ConnectionOptions): Connections {
  const kept: AgentOptions = { keepAlive: true, timeout: idleMs };
  const secureOptions = origin.secure && {
    secureContext: secureContext(tls),
    // Named, as NODE_TLS_REJECT_UNAUTHORIZED=0 would turn the default off.
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
  };
  const { request } = origin.secure ? process.getBuiltinModule("node:https") : process.getBuiltinModule("node:http");
  const agent = secureOptions
    ? new (process.getBuiltinModule("node:https").Agent)({ ...kept, ...secureOptions })
    : new (process.getBuiltinModule("node:http").Agent)(kept);
  if (proxy !== undefined) {
    const host = origin.hostname.includes(":") ? `[${origin.hostname}]` : origin.hostname;
    connectThrough(agent, proxy, `${host}:${origin.port}`);
  }
  const target = socketPath === undefined ? { host: origin.hostname, port: origin.port } : { socketPath };
  return {
    send({ method, path, headers, body }, signal) {
      // Node frames a body by itself for POST and its kin, but sends that of a DELETE without a length and without chunks.
      const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
      const all = { ...headers, ...length, host: origin.host };
      const options = { ...target, method, path, headers: all, agent, callSignal: signal };
      const sent = request(options as RequestOptions);
      sent.end(body);
      return sent;
    },
    dropIdle() {
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    },
    close: () => agent.destroy(),
  };
}
