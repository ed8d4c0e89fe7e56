import { type HttpRequest, type HttpResponse, httpClient, type TlsOptions } from "@keyhold/http";
import type { Transport, VaultBody, VaultRequest } from "./transport.ts";
import { encodedPath } from "./vault-path.ts";

export interface ServerOptions {
  readonly address: string;
  /** A Unix socket to connect to instead. */
  readonly socketPath?: string;
  readonly tls?: TlsOptions;
  readonly allowPlainHttp?: boolean;
}

export type Send = (request: HttpRequest) => Promise<HttpResponse>;
/** Sends a request by `send`, in a way of its own. Its path is the API's, without `/v1`. */
export type Through = (request: HttpRequest, send: Send) => Promise<HttpResponse>;

interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
}
// In Node 22 and not yet in TypeScript's library: https://github.com/tc39/proposal-json-parse-with-source
const { parse, rawJSON } = JSON as unknown as JsonWithSource;

function parseBody(response: HttpResponse): VaultBody | undefined {
  if (response.status === 204) return undefined;
  try {
    // 12345678901234567890 in a secret has to stay what it is; the core reads raw JSON.
    return parse(response.text(), (_key, value, { source }) =>
      typeof value !== "number" || source === undefined || String(value) === source ? value : rawJSON(source),
    ) as VaultBody;
  } catch {
    // A proxy on the way answers failures in words of its own. A success has to be Vault's: json() says what it is instead.
    return response.status >= 400 ? undefined : (response.json() as VaultBody);
  }
}

function withQuery(path: string, query: VaultRequest["query"] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
}

/** Vault's API over the HTTPS client that all providers share. `through` puts `/v1` before the path. */
export function httpTransport(server: ServerOptions, through: Through): Transport {
  const { address, ...options } = server;
  const http = httpClient({ baseUrl: address, ...options });
  return {
    async request(method, path, { query, body, headers }, context) {
      const request: HttpRequest = {
        method,
        path: withQuery(`/${encodedPath(path)}`, query),
        // A Vault Agent may demand the first: a web page that misuses a browser cannot send it.
        headers: { "x-vault-request": "true", ...headers },
        ...(body === undefined ? {} : { json: body }),
      };
      const response = await through(request, (sent) => http.request(sent, context));
      return { status: response.status, body: parseBody(response), header: (name) => response.header(name) };
    },
    certificateExpiresAt: () => http.certificateExpiresAt(),
    close: () => http.close(),
  };
}
