import type { IncomingMessage } from "node:http";
import { SecretsError } from "@keyhold/core";
import { type HttpResponse, headerOf } from "./http-response.ts";

/** An answer that goes on, such as a watch. It holds its connection until it ends or is closed. */
export interface HttpStream {
  readonly status: number;
  /** A header's value by its name in any case, or undefined. */
  header(name: string): string | undefined;
  /** The body's pieces as they come. Leaving the loop closes the stream. */
  chunks(): AsyncIterableIterator<Uint8Array>;
  /** The body's lines without their ends, as UTF-8; empty ones are left out. Leaving the loop closes the stream. */
  lines(): AsyncIterableIterator<string>;
  /** The whole body at once, for an answer that turned out to be an error. */
  read(): Promise<HttpResponse>;
  /** Ends the connection. Idempotent. */
  close(): void;
}

interface StreamParts {
  readonly response: IncomingMessage;
  readonly peer: string;
  /** A line may have this many characters. */
  readonly limitBytes: number;
  /** Called before each wait for the server, and after it. */
  readonly waiting: (isWaiting: boolean) => void;
  /** Gives the error to throw for what the socket threw. */
  readonly failure: (error: unknown) => SecretsError;
  readonly read: () => Promise<HttpResponse>;
  readonly close: () => void;
}

async function* chunksOf({ response, waiting, failure, close }: StreamParts): AsyncGenerator<Uint8Array, undefined> {
  const source = (response as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      // The time that the reader takes for what it was given does not count as silence of the server.
      waiting(true);
      const { done, value } = await source.next();
      waiting(false);
      if (done) return undefined;
      yield value;
    }
  } catch (error) {
    throw failure(error);
  } finally {
    close();
  }
}

async function* linesOf(parts: StreamParts): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const refuse = (what: string) => new SecretsError("decode", `the answer of ${parts.peer} ${what}`);
  const decode = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw refuse("is not UTF-8 text");
    }
  };
  let rest = "";
  for await (const chunk of chunksOf(parts)) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() as string;
    if (rest.length > parts.limitBytes) throw refuse(`has a line of more than ${parts.limitBytes} characters`);
    for (const line of lines) {
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (text !== "") yield text;
    }
  }
  rest += decode();
  if (rest !== "") yield rest;
}

export function httpStream(parts: StreamParts): HttpStream {
  const { response } = parts;
  return Object.freeze({
    status: response.statusCode ?? 0,
    header: (name: string) => headerOf(response.headers, name),
    chunks: () => chunksOf(parts),
    lines: () => linesOf(parts),
    read: parts.read,
    close: parts.close,
  });
}
