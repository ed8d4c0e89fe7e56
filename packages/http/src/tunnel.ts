import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { SecretsError } from "@keyhold/core";
import { transportError } from "./transport-error.ts";

interface TunnelOptions {
  readonly proxy: URL;
  /** Host and port, an IPv6 address in brackets. */
  readonly target: string;
  readonly signal: AbortSignal;
}

function refusal(status: number, peer: string): SecretsError {
  const denied = status === 407 || status === 403;
  // Not unauthenticated or permission-denied: these would say that the backend refused the provider's credential.
  return new SecretsError("unavailable", `cannot talk through ${peer}: it answered with status ${status}`, {
    retryable: !denied,
    hint: denied
      ? "Give the proxy's user and password in HTTPS_PROXY, or name the host in NO_PROXY."
      : "Check that the proxy may connect to the server, or name the host in NO_PROXY.",
  });
}

const credentials = (proxy: URL): string => {
  const userinfo = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(userinfo).toString("base64")}`;
};

/**
 * Asks a proxy for a connection (RFC 9110, 9.3.6). The proxy's credentials go to the proxy alone: what is sent through the tunnel
 * afterwards is between us and the server.
 *
 * @throws SecretsError `unavailable`.
 */
export function openTunnel({ proxy, target, signal }: TunnelOptions): Promise<Duplex> {
  const peer = `the proxy ${proxy.host}`;
  return new Promise((resolve, reject) => {
    const options = {
      method: "CONNECT",
      host: proxy.hostname.replace(/^\[(.*)\]$/, "$1"),
      path: target,
      headers: { host: target, ...(proxy.username === "" ? {} : { "proxy-authorization": credentials(proxy) }) },
      agent: false as const,
    };
    const request: ClientRequest =
      proxy.protocol === "https:"
        ? process
            .getBuiltinModule("node:https")
            .request({ ...options, port: proxy.port || 443, minVersion: "TLSv1.2", rejectUnauthorized: true })
        : process.getBuiltinModule("node:http").request({ ...options, port: proxy.port || 80 });
    const abort = () => request.destroy();
    signal.addEventListener("abort", abort, { once: true });
    const settled = () => signal.removeEventListener("abort", abort);
    request.once("connect", (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      settled();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) {
        if (head.byteLength > 0) socket.unshift(head);
        return resolve(socket);
      }
      socket.destroy();
      return reject(refusal(status, peer));
    });
    request.once("error", (error) => {
      settled();
      reject(transportError(error, peer));
    });
    request.end();
  });
}
