import { SecretsError } from "@keyhold/core";
import type { HttpRequest, HttpResponse } from "@keyhold/http";
import { httpTransport, type Send, type ServerOptions, type Through } from "./http-transport.ts";
import type { Transport } from "./transport.ts";

type NodeVault = typeof import("node-vault");
type Client = ReturnType<NodeVault>;

/** What node-vault hands to its requester: what it was given, and `uri`. */
interface RequesterOptions {
  readonly method: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly send: Send;
}

async function loadSdk(): Promise<NodeVault> {
  try {
    return (await import("node-vault")).default;
  } catch {
    throw new SecretsError("unsupported", "the package node-vault is not installed", {
      provider: "vault",
      hint: "npm install node-vault, or import from @keyhold/vault/lean, which needs no package.",
    });
  }
}

const requester = ({ method, uri, headers, json, send }: RequesterOptions): Promise<HttpResponse> =>
  send({ method, path: uri, headers, ...(json === undefined ? {} : { json }) } satisfies HttpRequest);

async function load(): Promise<Client> {
  const client = (await loadSdk())({
    // The one way to give node-vault another requester. Its own hangs for ever, follows redirects with the token, drops the answer's
    // headers, and fails with errors that hold the token.
    "request-promise": { defaults: () => requester },
    // Otherwise DEBUG=node-vault prints what is written.
    debug: () => {},
  } as object);
  // What it takes from the environment is said by our own options instead.
  Object.assign(client, { endpoint: "", pathPrefix: "", token: undefined, namespace: undefined });
  // Every answer is ours to judge, with its status and headers.
  client.handleVaultResponse = async (answer) => answer;
  return client;
}

/**
 * Vault's API by node-vault, which is loaded at the first call. It makes the requests; they travel over the HTTPS client that all
 * providers share.
 */
export function sdkTransport(server: ServerOptions): Transport {
  let loading: Promise<Client> | undefined;
  const throughNodeVault: Through = async (request, send) => {
    loading ??= load();
    // A failed load is tried again: the package may be installed meanwhile.
    const client = await loading.catch((error) => {
      loading = undefined;
      throw error;
    });
    const { method = "GET", path, headers, json } = request;
    return client.request({ method, path, headers: { ...headers }, send, ...(json === undefined ? {} : { json }) });
  };
  return httpTransport(server, throughNodeVault);
}
