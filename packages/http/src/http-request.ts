import { SecretsError } from "@keyhold/core";
import type { Origin } from "./origin.ts";

type QueryValue = string | number | boolean;

export interface HttpRequest {
  /** Default: GET. */
  readonly method?: string;
  /**
   * Starts with `/`, below the base URL's own path. Percent-encoded by the caller (`encodeURIComponent` for each segment);
   * it may bring a query. Dot segments are refused.
   */
  readonly path: string;
  /** Encoded here. An array repeats its name; undefined leaves it out. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;
  /** Undefined leaves a header out. What belongs to the connection (`connection`, `content-length` and so on) is refused. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Uint8Array;
  /** Sent as a JSON body, with its content type. Excludes `body`. */
  readonly json?: unknown;
  /**
   * Whether the server may see this request twice. When a kept connection turns out to be closed before any answer came, such a
   * request is sent once more over a new one. Default: true for GET, HEAD and OPTIONS.
   */
  readonly repeatable?: boolean;
}

/** A request as it goes to the socket. */
export interface PreparedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  readonly repeatable: boolean;
}

const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

const refuse = (what: string, hint?: string): SecretsError =>
  new SecretsError("invalid-argument", `this request cannot be sent: ${what}`, hint === undefined ? {} : { hint });

function checkPath(path: string): void {
  if (!/^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/.test(path)) {
    throw refuse("its path has a character that a URL must have percent-encoded, or does not start with /");
  }
  const segments = (path.split("?", 1)[0] as string).split("/");
  // Servers and proxies on the way resolve dot segments, also encoded ones, so a name could reach another resource.
  if (segments.some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) throw refuse("a segment of its path is . or ..");
}

function encode(text: string): string {
  if (!text.isWellFormed()) throw refuse("its query has half a surrogate pair");
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function queryText(query: HttpRequest["query"]): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) pairs.push(`${encode(name)}=${encode(String(item))}`);
    }
  }
  return pairs.join("&");
}

function checkedHeaders(headers: HttpRequest["headers"], origin: Origin): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [given, value] of Object.entries(headers ?? {})) {
    if (value === undefined) continue;
    const name = given.toLowerCase();
    if (!/^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) throw refuse("a header's name has a character that no name may have");
    if (connectionHeaders.has(name)) throw refuse(`the header ${name} belongs to the connection`);
    // A signer gives the host that it signed; any other one would also change whose certificate is accepted.
    if (name === "host" && value !== origin.host) throw refuse("its host header names another host than the base URL");
    if (!/^[\t\x20-\x7e]*$/.test(value)) {
      throw refuse(
        `the header ${name} has a control character, or one that is not ASCII`,
        "A token that was read from a file often ends with a line break: trim it.",
      );
    }
    checked[name] = value;
  }
  return checked;
}

function jsonText(value: unknown): string {
  try {
    const text = JSON.stringify(value);
    if (typeof text === "string") return text;
  } catch {
    // Falls through: the message may name keys of the value.
  }
  throw refuse("its JSON body cannot be written as JSON");
}

/**
 * Checks and encodes a request. Nothing that was given stands in an error, except the names of headers.
 *
 * @throws SecretsError `invalid-argument`.
 */
export function prepareRequest(request: HttpRequest, origin: Origin): PreparedRequest {
  const method = request.method ?? "GET";
  if (!/^[A-Z]+$/.test(method) || method === "CONNECT") throw refuse("its method is none");
  checkPath(request.path);
  const query = queryText(request.query);
  const path = origin.prefix + request.path + (query === "" ? "" : (request.path.includes("?") ? "&" : "?") + query);
  const headers = checkedHeaders(request.headers, origin);
  let { body } = request;
  if (request.json !== undefined) {
    if (body !== undefined) throw refuse("it has both body and json");
    body = jsonText(request.json);
    headers["content-type"] ??= "application/json";
  }
  return { method, path, headers, body, repeatable: request.repeatable ?? safeMethods.has(method) };
}
