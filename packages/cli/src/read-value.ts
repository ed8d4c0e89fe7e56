import { SecretsError } from "@keyhold/core";
import { ask } from "./ask.ts";

/** No backend takes a value of this size; an endless pipe must not fill the memory. */
const maxBytes = 16 * 1024 * 1024;

export interface ReadValueOptions {
  /** Keep the newline at the end of standard input. */
  readonly raw?: boolean;
  readonly allowEmpty?: boolean;
}

/**
 * The value to store: asked for without echo on a terminal, otherwise all of standard input, byte for byte, without the one
 * newline that a shell or an editor puts at its end.
 *
 * @throws SecretsError `invalid-argument` when it is empty or over 16 MiB.
 */
export async function readValue(question: string, options: ReadValueOptions): Promise<Uint8Array> {
  const value = process.stdin.isTTY ? Buffer.from(await ask(question, { echo: false })) : await readInput(options.raw === true);
  if (value.byteLength === 0 && !options.allowEmpty) {
    throw new SecretsError("invalid-argument", "the value is empty, so nothing was stored", {
      hint: "Did the command before the pipe fail? To store an empty value, give --allow-empty.",
    });
  }
  return value;
}

async function readInput(raw: boolean): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new SecretsError("invalid-argument", `the value is over ${maxBytes} bytes, so nothing was stored`, {
        hint: "This is for keys and passwords. Keep large files elsewhere, and the key to them here.",
      });
    }
    chunks.push(chunk);
  }
  const value = Buffer.concat(chunks);
  return raw ? value : withoutLastNewline(value);
}

function withoutLastNewline(value: Uint8Array): Uint8Array {
  if (value.at(-1) !== 0x0a) return value;
  return value.subarray(0, value.at(-2) === 0x0d ? -2 : -1);
}
