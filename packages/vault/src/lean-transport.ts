import { httpTransport, type ServerOptions } from "./http-transport.ts";
import type { Transport } from "./transport.ts";

/** Vault's API without node-vault. */
export function leanTransport(server: ServerOptions): Transport {
  return httpTransport(server, (request, send) => send({ ...request, path: `/v1${request.path}` }));
}
