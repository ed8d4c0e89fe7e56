import { SecretsError } from "@keyhold/core";
import { untilAborted } from "./call-ending.ts";

/** A request as it was asked for, read once, so that nothing can change between the check and the sending. */
export interface Outgoing {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly redirect: Request["redirect"];
  readonly integrity: string;
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

/**
 * Takes what `fetch` takes. A dispatcher or an agent in `init` is not looked at: the connection is made here.
 *
 * @throws SecretsError `invalid-argument` for what is no request.
 */
export function requestOf(input: FetchInput, init: RequestInit | undefined): Request {
  try {
    return new Request(input, init);
  } catch {
    // What the platform throws quotes the URL or the header.
    throw invalid("this is no request that can be sent", "Check URL (without user:password@), method, header names and values.");
  }
}

/**
 * A request whose body is still to be read.
 *
 * @throws SecretsError `invalid-argument` for one that sets what frames the message.
 */
export function outgoingOf(request: Request): Outgoing {
  const { method, redirect, integrity } = request;
  const url = new URL(request.url);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid("only https and http are sent");
  url.hash = "";
  return { method, url, headers: headersOf(request, url.host), body: undefined, redirect, integrity };
}

/** The whole body. @throws SecretsError `invalid-argument` for one that is too large or breaks off; and the signal's own reason. */
export async function bodyOf(
  request: Request,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (request.body === null) return undefined;
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      // A stream may say nothing for ever, whatever becomes of its request.
      const { done, value } = await untilAborted<{ done: boolean; value?: unknown }>(reader.read(), signal);
      if (done) break;
      if (!(value instanceof Uint8Array)) throw invalid("the body of the request is a stream of something else than bytes");
      length += value.byteLength;
      if (length > limitBytes) {
        throw invalid(`the body is larger than ${limitBytes} bytes`, "Raise maxRequestBytes, or send it without secretFetch.");
      }
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (signal.aborted) throw signal.reason;
    if (error instanceof SecretsError) throw error;
    throw invalid("the body of the request could not be read");
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}
