import { isSecretsError, type Secret, SecretsError } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { toReference } from "../to-reference.ts";
import { usageError } from "../usage-error.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export interface GetOptions extends CommonOptions {
  readonly reveal?: boolean;
}

export async function get(name: string, options: GetOptions): Promise<void> {
  const reference = toReference(name);
  const toTerminal = process.stdout.isTTY === true;
  if (toTerminal && !options.reveal) {
    throw usageError(
      "standard output is a terminal, so the value is not shown",
      "Give --reveal to show it, or send it to a pipe or a file.",
    );
  }
  await withSecrets(options, async ({ secrets }) => {
    const secret = await secrets.get(reference);
    if (options.json) return writeJson({ reference, version: secret.version, ...jsonValue(secret) });
    const value = valueBytes(secret);
    return writeOutput(toTerminal ? terminalText(value) : value);
  });
}

/** Fields have no bytes of their own: they are given as the JSON document that they are. */
function valueBytes(secret: Secret): Uint8Array {
  try {
    return secret.bytes();
  } catch (error) {
    if (!isSecretsError(error, "decode")) throw error;
    return Buffer.from(JSON.stringify(secret.json()));
  }
}

function jsonValue(secret: Secret): { readonly value: string } | { readonly valueBase64: string } {
  const bytes = valueBytes(secret);
  const text = Buffer.from(bytes).toString("utf8");
  return Buffer.from(text).equals(bytes) ? { value: text } : { valueBase64: Buffer.from(bytes).toString("base64") };
}

/** The value as a line of a terminal, which must not take bytes of the value for commands. */
function terminalText(value: Uint8Array): string {
  const text = Buffer.from(value).toString("utf8");
  if (!Buffer.from(text).equals(value) || /[^\P{Cc}\n\r\t]/u.test(text)) {
    throw new SecretsError("decode", "the value has bytes that a terminal would take for commands, or that are no text", {
      hint: "Send it to a pipe or a file, for example: | od -c",
    });
  }
  return text.endsWith("\n") ? text : `${text}\n`;
}
