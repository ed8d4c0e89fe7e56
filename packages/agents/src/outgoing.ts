import { SecretsError } from "@keyhold/core";

/** A request as it was asked for, read once, so that nothing can change between the check and the sending. */
export interface Outgoing {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly redirect: Request["redirect"];
  readonly integrity: string;
  readonly signal: AbortSignal;
}

export type FetchInput = string | URL | Request;

// What frames the message is made anew; what asks for an encoding could ask for one that is not read here.
const replaced: ReadonlySet<string> = new Set(["connection", "keep-alive", "content-length", "accept-encoding"]);
const refused = /^(?:transfer-encoding|upgrade|te|trailer|expect|proxy-.*)$/;

const invalid = (what: string, hint?: string): SecretsError =>
  new SecretsError("invalid-argument", what, hint === undefined ? {} : { hint });

function headersOf(request: Request, host: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of request.headers) {
    if (refused.test(name)) throw invalid(`a request may not set the header ${name}`, "Leave it out.");
    if (name === "host") {
      if (value.toLowerCase() !== host) throw invalid("the Host header names another host than the URL", "Leave it out.");
    } else if (!replaced.has(name)) headers.set(name, value);
  }
  return headers;
}

async function bodyOf(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (request.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > limitBytes) {
      throw invalid(`the body is larger than ${limitBytes} bytes`, "Raise maxRequestBytes, or send it without secretFetch.");
    }
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/**
 * Takes what `fetch` takes. A dispatcher or an agent in `init` is not looked at: the connection is made here.
 *
 * @throws SecretsError `invalid-argument` for what is no request, names a user in its URL, or sets what frames the message; and the
 * signal's own reason.
 */
export async function readOutgoing(input: FetchInput, init: RequestInit | undefined, limitBytes: number): Promise<Outgoing> {
  let request: Request;
  try {
    request = new Request(input, init);
  } catch {
    // What the platform throws quotes the URL or the header.
    throw invalid("this is no request that can be sent", "Check URL (without user:password@), method, header names and values.");
  }
  const url = new URL(request.url);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid("only https and http are sent");
  url.hash = "";
  const headers = headersOf(request, url.host);
  try {
    const body = await bodyOf(request, limitBytes);
    const { method, redirect, integrity, signal } = request;
    return { method, url, headers, body, redirect, integrity, signal };
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (error instanceof SecretsError) throw error;
    throw invalid("the body of the request could not be read");
  }
}
