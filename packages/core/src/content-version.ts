import type { Content } from "./content.ts";

let key: Uint8Array | undefined;

/**
 * A version for backends that have none (a variable, a file, KV v1): equal content, equal version, in this process only.
 * It is an HMAC under a key of this process and never a plain hash, which would let a short value be guessed from a log.
 */
export function contentVersion(content: Content): string {
  const { createHmac, randomBytes } = process.getBuiltinModule("node:crypto");
  key ??= randomBytes(32);
  const hmac = createHmac("sha256", key);
  if (content.kind === "opaque") {
    hmac.update(typeof content.value === "string" ? "text" : "byte").update(content.value);
  } else {
    for (const name of Object.keys(content.fields).sort()) {
      const value = content.fields[name];
      const bytes = value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value));
      const kind = bytes === value ? "byte" : "json";
      hmac.update(`${name.length}:${name}:${kind}:${bytes.byteLength}:`).update(bytes);
    }
  }
  return hmac.digest("base64url").slice(0, 22);
}
