import type { IncomingHttpHeaders } from "node:http";
import { SecretsError } from "@keyhold/core";

/** A whole answer. Printing it shows its status and nothing else. */
export interface HttpResponse {
  readonly status: number;
  /** A header's value by its name in any case, or undefined. Several of one name are joined by `, `. */
  header(name: string): string | undefined;
  /** The body, decompressed: its own memory, and the same each time. */
  bytes(): Uint8Array;
  /** The body as text, byte-exact: a byte order mark stays. @throws SecretsError `decode` for what is no UTF-8. */
  text(): string;
  /** The body as JSON. @throws SecretsError `decode`, which never repeats the body. */
  json(): unknown;
}

/** Looks up a header. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(", ") : value;
}

function notJson(headers: IncomingHttpHeaders, peer: string, deep: boolean): SecretsError {
  if (deep) return new SecretsError("decode", `the answer of ${peer} is JSON that is nested too deeply`);
  const page = /html/i.test(headers["content-type"] ?? "");
  return new SecretsError("decode", `the answer of ${peer} is ${page ? "a web page" : "not JSON"}`, {
    hint: "A proxy, a login page or another server may answer at the configured address.",
  });
}

export function httpResponse(status: number, headers: IncomingHttpHeaders, body: Uint8Array, peer: string): HttpResponse {
  const text = () => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    } catch {
      throw new SecretsError("decode", `the answer of ${peer} is not UTF-8 text`);
    }
  };
  return Object.freeze({
    status,
    header: (name: string) => headerOf(headers, name),
    bytes: () => body,
    text,
    json() {
      const json = text().replace(/^\uFEFF/, "");
      try {
        return JSON.parse(json) as unknown;
      } catch (error) {
        throw notJson(headers, peer, error instanceof RangeError);
      }
    },
  });
}
