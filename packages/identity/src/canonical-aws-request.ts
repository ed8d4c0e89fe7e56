import { SecretsError } from "@keyhold/core";

/** A request before it is signed, as it will be sent. */
export interface AwsRequest {
  /** Default: GET. */
  readonly method?: string;
  /** As in the Host header: with the port, unless it is the scheme's own. */
  readonly host: string;
  /** Starts with `/`, percent-encoded, with the query after a `?`. */
  readonly path: string;
  /**
   * All are signed, except those that change on the way. `x-amz-content-sha256`, where a service wants it, stands for the hash of the
   * body (`UNSIGNED-PAYLOAD` is one).
   */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Uint8Array;
}

export interface CanonicalOptions {
  /** Whether dot segments and doubled slashes are resolved. Default: true; S3 alone takes paths as they are. */
  readonly normalizePath?: boolean;
  /** Whether the path, encoded as it is, is encoded once more. Default: true; S3 alone does not. */
  readonly encodePathTwice?: boolean;
}

// What proxies and load balancers change or add, and what the signature itself adds.
const unsignedHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "x-amzn-trace-id",
]);

/** RFC 3986 encoding of everything but unreserved characters. */
export function encodeAws(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SecretsError("invalid-argument", "the path of this request cannot be signed: it is not percent-encoded UTF-8");
  }
}

export function sha256Hex(data: string | Uint8Array): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(data).digest("hex");
}

/** RFC 3986, 5.2.4; doubled slashes become one as well. */
function normalized(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/");
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const isFolder = ["", ".", ".."].includes(segments.at(-1) as string);
  return `/${kept.join("/")}${isFolder && kept.length > 0 ? "/" : ""}`;
}

function canonicalPath(path: string, { normalizePath = true, encodePathTwice = true }: CanonicalOptions): string {
  return (normalizePath ? normalized(path) : path)
    .split("/")
    .map((segment) => encodeAws(encodePathTwice ? segment : decode(segment)))
    .join("/");
}

/** By code unit, as the encoded text is ASCII. */
const ascending = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function canonicalQuery(query: string): string {
  const pairs = query.split("&").filter((pair) => pair !== "");
  return pairs
    .map((pair) => {
      const equals = pair.indexOf("=");
      const [name, value] = equals === -1 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return [encodeAws(decode(name)), encodeAws(decode(value))] as const;
    })
    .sort(([a, first], [b, second]) => ascending(a, b) || ascending(first, second))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** The headers to sign, names in lower case, in order, values with their white space collapsed. */
export function signableHeaders({ host, headers }: Pick<AwsRequest, "host" | "headers">): Map<string, string> {
  const signable = new Map([["host", host]]);
  for (const [given, value] of Object.entries(headers ?? {})) {
    const name = given.toLowerCase().trim();
    if (value !== undefined && name !== "host" && !unsignedHeaders.has(name))
      signable.set(name, value.trim().replace(/\s+/g, " "));
  }
  return new Map([...signable].sort(([a], [b]) => ascending(a, b)));
}

/** The text that stands for a request in its signature. */
export function canonicalAwsRequest(request: AwsRequest, options: CanonicalOptions): string {
  const mark = request.path.indexOf("?");
  const [path, query] = mark === -1 ? [request.path, ""] : [request.path.slice(0, mark), request.path.slice(mark + 1)];
  const headers = signableHeaders(request);
  return [
    (request.method ?? "GET").toUpperCase(),
    canonicalPath(path, options),
    canonicalQuery(query),
    ...[...headers].map(([name, value]) => `${name}:${value}`),
    "",
    [...headers.keys()].join(";"),
    headers.get("x-amz-content-sha256") ?? sha256Hex(request.body ?? ""),
  ].join("\n");
}
