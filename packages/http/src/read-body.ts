import type { IncomingMessage } from "node:http";
import type { InputType } from "node:zlib";
import { SecretsError } from "@keyhold/core";

/** What is asked for unless the caller asks for something of its own. */
export const acceptedEncodings = "gzip, deflate, br";

export interface BodyOptions {
  readonly limitBytes: number;
  readonly peer: string;
  /** Leave an encoding that HTTP does not know as it is: the caller asked for it (Conjur has `base64`). */
  readonly keepUnknown: boolean;
  readonly isHead: boolean;
}

const tooLarge = (limitBytes: number, peer: string): SecretsError =>
  new SecretsError("decode", `the answer of ${peer} is larger than ${limitBytes} bytes`, {
    hint: "No secret is that large: check what answers there, or raise responseLimitBytes.",
  });

/** The body as it came, whole or not at all. */
async function rawBody(response: IncomingMessage, { limitBytes, peer, isHead }: BodyOptions): Promise<Uint8Array> {
  // An answer to HEAD, or with 304, tells the length of a body that does not come.
  const comes = !isHead && response.statusCode !== 304;
  if (comes && Number(response.headers["content-length"]) > limitBytes) {
    response.destroy();
    throw tooLarge(limitBytes, peer);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    // Leaving the loop destroys the socket.
    if (length > limitBytes) throw tooLarge(limitBytes, peer);
    chunks.push(chunk);
  }
  // Not Buffer.concat: it may use memory that is shared with other buffers, and a secret should lie in its own.
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

type Decoder = (
  input: InputType,
  options: { maxOutputLength: number },
  done: (error: Error | null, output: Buffer) => void,
) => void;

function decoderFor(encoding: string, body: Uint8Array): Decoder | undefined {
  const zlib = process.getBuiltinModule("node:zlib");
  if (encoding === "gzip" || encoding === "x-gzip") return zlib.gunzip;
  if (encoding === "br") return zlib.brotliDecompress;
  // RFC 9110, 8.4.1.2: "deflate" means the zlib format, and some servers send the bare one. The first byte tells.
  if (encoding === "deflate") return ((body[0] ?? 0) & 0x0f) === 8 ? zlib.inflate : zlib.inflateRaw;
  return undefined;
}

/**
 * Reads and decompresses the body. The limit holds before and after decompression.
 *
 * @throws SecretsError `decode` for a body that is too large or not what its encoding says, `unavailable` for one that cannot be
 * known to be whole; and whatever the stream throws.
 */
export async function readBody(response: IncomingMessage, options: BodyOptions): Promise<Uint8Array> {
  const { limitBytes, peer, keepUnknown } = options;
  const body = await rawBody(response, options);
  const { headers, statusCode = 0 } = response;
  // Such a body ends where the connection does, so half a secret would look like a whole one.
  if (
    body.byteLength > 0 &&
    statusCode < 300 &&
    headers["content-length"] === undefined &&
    headers["transfer-encoding"] === undefined
  ) {
    throw new SecretsError("unavailable", `the answer of ${peer} has no length, so it may have been cut`, {
      hint: "Something on the way speaks HTTP/1.0; it must send content-length or chunks.",
    });
  }
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "" || body.byteLength === 0) return body;
  const decoder = decoderFor(encoding, body);
  if (decoder === undefined) {
    if (keepUnknown) return body;
    throw new SecretsError("decode", `the answer of ${peer} has an encoding that was not asked for`);
  }
  return new Promise((resolve, reject) => {
    decoder(body, { maxOutputLength: limitBytes }, (error, output) => {
      if (error === null) return resolve(Uint8Array.from(output));
      const large = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      return reject(large ? tooLarge(limitBytes, peer) : new SecretsError("decode", `the answer of ${peer} does not decompress`));
    });
  });
}
