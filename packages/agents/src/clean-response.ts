import { SecretsError } from "@keyhold/core";
import type { Response as Answer } from "undici";
import type { CallEnding } from "./call-ending.ts";
import { cleanText, createCleaner } from "./cleaner.ts";

export interface CleaningOptions {
  /** The URL as the caller knows it, with placeholders. */
  readonly url: string;
  readonly redirected: boolean;
  readonly statusOnly: boolean;
  /** What to search for: all that was put into requests until now, also while this answer came. */
  readonly needles: () => readonly Uint8Array[];
  readonly limitBytes: number;
  readonly ending: CallEnding;
}

const decoders: ReadonlySet<string> = new Set(["gzip", "x-gzip", "deflate", "br"]);
/** True of the body as it came, and no more of the one that is handed over. */
const untrue: ReadonlySet<string> = new Set([
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
]);
const withoutBody: ReadonlySet<number> = new Set([204, 205, 304]);

function cleanHeaders(answer: Answer, needles: readonly Uint8Array[]): Headers {
  const lowerCase = needles.map((needle) => Buffer.from(Buffer.from(needle).toString("latin1").toLowerCase(), "latin1"));
  const headers = new Headers();
  for (const [name, value] of answer.headers) {
    // Names arrive in lower case, so a value in a name would too.
    if (untrue.has(name) || cleanText(name, lowerCase) !== name) continue;
    headers.append(name, cleanText(value, needles));
  }
  return headers;
}

function cleanBody(answer: Answer, { needles, limitBytes, ending }: CleaningOptions): ReadableStream<Uint8Array> | null {
  if (answer.body === null) return null;
  const reader = (answer.body as unknown as ReadableStream<Uint8Array>).getReader();
  const cleaner = createCleaner(needles);
  let received = 0;
  const failed = (error: unknown): unknown => {
    ending.release();
    reader.cancel().catch(() => {});
    if (ending.signal.aborted) return ending.signal.reason;
    if (error instanceof SecretsError) return error;
    return new SecretsError("unavailable", "the answer ended before it was complete", {
      hint: "The server or the network ended it.",
    });
  };
  /** The next clean bytes; undefined at the end. */
  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const { done, value } = await reader.read();
      ending.signal.throwIfAborted();
      if (done) {
        ending.release();
        return undefined;
      }
      received += value.byteLength;
      if (received > limitBytes) {
        throw new SecretsError("decode", `the answer is larger than ${limitBytes} bytes`, { hint: "Raise maxResponseBytes." });
      }
      const clean = cleaner.push(value);
      if (clean.byteLength > 0) return clean;
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          ending.signal.throwIfAborted();
          const clean = await next();
          if (clean !== undefined) return controller.enqueue(clean);
          const rest = cleaner.end();
          if (rest.byteLength > 0) controller.enqueue(rest);
          controller.close();
        } catch (error) {
          controller.error(failed(error));
        }
      },
      async cancel(reason) {
        ending.release();
        await reader.cancel(reason).catch(() => {});
      },
    },
    // Nothing is read ahead: what is not asked for stays with the server.
    { highWaterMark: 0 },
  );
}

/** Lets a body go that nobody will read. */
export function discard(answer: Answer): void {
  answer.body?.cancel().catch(() => {});
}

/**
 * Makes the answer that is handed over: without any of the values, and bounded.
 *
 * @throws SecretsError `decode` for a compression that was not asked for, as nothing can be found in it.
 */
export function cleanResponse(answer: Answer, options: CleaningOptions): Response {
  const { url, redirected, statusOnly, needles, ending } = options;
  const codings = (answer.headers.get("content-encoding") ?? "").toLowerCase().split(",");
  // Beside another coding, `identity` or none keeps undici from undoing any.
  const isPlain = codings.length === 1 && ["", "identity"].includes((codings[0] as string).trim());
  // A coding of the transfer is undone by nobody.
  const isUnpacked = /^(?:chunked)?$/i.test(answer.headers.get("transfer-encoding") ?? "");
  const isReadable = isUnpacked && (isPlain || codings.every((coding) => decoders.has(coding.trim())));
  if (answer.status < 200 || answer.status > 599 || (!isReadable && !statusOnly)) {
    discard(answer);
    throw new SecretsError("decode", "the answer has a compression or a status that was not asked for");
  }
  const isEmpty = statusOnly || withoutBody.has(answer.status) || answer.body === null;
  const body = isEmpty ? null : cleanBody(answer, options);
  if (isEmpty) {
    discard(answer);
    ending.release();
  }
  const response = new Response(body, {
    status: answer.status,
    // The usual one: the host's own is decoded before anything could be found in it.
    statusText: process.getBuiltinModule("node:http").STATUS_CODES[answer.status] ?? "",
    headers: statusOnly ? new Headers() : cleanHeaders(answer, needles()),
  });
  return Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } });
}
