import { type CallContext, type Content, type Locator, SecretsError, type WriteOptions } from "@keyhold/core";
import { secretVersion } from "./secret-name.ts";
import { base64Mark, isMarked } from "./to-record.ts";
import type { NewSecret, Transport } from "./transport.ts";
import { unsupported } from "./unsupported.ts";

const invalid = (message: string, hint: string) => new SecretsError("invalid-argument", message, { provider: "azure", hint });

/** The wire form of a content: text as it is, bytes as marked base64. */
function toNewSecret(content: Content): NewSecret {
  if (content.kind === "fields") throw invalid("Key Vault holds a string or bytes", "Write the fields as JSON text.");
  const { value, contentType } = content;
  if (typeof value !== "string") {
    const value64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
    return { value: value64, contentType: `${contentType ?? "application/octet-stream"}${base64Mark}` };
  }
  if (isMarked(contentType)) throw invalid(`${base64Mark} in a content type marks bytes`, "Give the bytes themselves.");
  if (!value.isWellFormed()) throw invalid("the text has half a surrogate pair", "Write it as bytes.");
  return contentType === undefined ? { value } : { value, contentType };
}

/** What Key Vault has no way to promise is refused before anything is sent. */
function checkWrite(version: string | undefined, { ifVersion, idempotencyKey }: WriteOptions): void {
  if (version !== undefined) throw unsupported("Key Vault names new versions itself", "Write without a version.");
  if (ifVersion !== undefined) {
    throw unsupported(
      "Key Vault writes unconditionally",
      "Leave ifVersion out, and let one program at a time write this secret.",
    );
  }
  if (idempotencyKey !== undefined) {
    throw unsupported("Key Vault has no idempotency key", "Write without one, and after a timeout look before you repeat.");
  }
}

/** Creates the secret or adds a version. */
export async function writeSecret(
  transport: Transport,
  locator: Locator,
  content: Content,
  options: WriteOptions,
  context: CallContext,
): Promise<{ readonly version: string }> {
  const [name, named] = secretVersion(locator);
  checkWrite(named, options);
  const tags = options.labels === undefined ? {} : { tags: options.labels };
  const { version } = (await transport.setSecret(name, { ...toNewSecret(content), ...tags }, context)).properties;
  if (version === undefined) {
    throw new SecretsError("decode", "Azure Key Vault: the answer names no version", { provider: "azure" });
  }
  return { version };
}
