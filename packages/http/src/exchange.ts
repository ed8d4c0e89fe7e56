import type { IncomingMessage } from "node:http";
import { SecretsError } from "@keyhold/core";
import type { Connections } from "./connections.ts";
import type { PreparedRequest } from "./http-request.ts";

interface Attempt {
  readonly response?: IncomingMessage;
  readonly error?: unknown;
  /** The request went out on a connection that had been used before. */
  readonly reused: boolean;
}

/** The head of an answer, whose body is still to be read. */
export interface Answer {
  readonly response: IncomingMessage;
  /** Nothing had been sent over this connection before. */
  readonly isNewConnection: boolean;
}

function attempt(connections: Connections, request: PreparedRequest, signal: AbortSignal): Promise<Attempt> {
  return new Promise((resolve) => {
    const sent = connections.send(request, signal);
    signal.addEventListener("abort", () => sent.destroy(), { once: true });
    sent.on("response", (response) => resolve({ response, reused: sent.reusedSocket }));
    // Stays after the answer: a connection that breaks later reports here as well as in the body's stream.
    sent.on("error", (error) => resolve({ error, reused: sent.reusedSocket }));
    // An upgrade that nobody asked for ends the request with neither of the two.
    sent.on("close", () => resolve({ error: undefined, reused: false }));
  });
}

function isClosedConnection(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === "ECONNRESET" || code === "EPIPE";
}

function refuseRedirect(response: IncomingMessage, peer: string): void {
  const status = response.statusCode ?? 0;
  if (status < 300 || status > 399 || status === 304) return;
  response.destroy();
  // The target is not named: it comes from the network, and whoever pastes it into a configuration sends the credential there.
  throw new SecretsError("unavailable", `${peer} answered with a redirect (status ${status}), which is never followed`, {
    retryable: false,
    hint: "A redirect could take the credential to another host. Configure the address that serves the API itself.",
  });
}

/**
 * Sends a request and gives the head of its answer.
 *
 * A server may close a kept connection at the very moment a request goes out on it. That is no failure of the server's, so a
 * repeatable request is sent once more. Others that were kept as long are as stale, hence the second try is over a new connection.
 *
 * @throws SecretsError `unavailable` for a redirect; the signal's reason; and whatever Node fails with.
 */
export async function exchange(
  connections: Connections,
  request: PreparedRequest,
  { signal, peer }: { readonly signal: AbortSignal; readonly peer: string },
): Promise<Answer> {
  signal.throwIfAborted();
  let tried = await attempt(connections, request, signal);
  if (request.repeatable && tried.reused && isClosedConnection(tried.error) && !signal.aborted) {
    connections.dropIdle();
    tried = await attempt(connections, request, signal);
  }
  const { response, error } = tried;
  signal.throwIfAborted();
  if (response === undefined) throw error;
  refuseRedirect(response, peer);
  return { response, isNewConnection: !tried.reused };
}
