import { type Content, type Json, SecretsError } from "@keyhold/core";

/** A value as `put` takes it: text, bytes, or named fields. */
export type MemoryValue = string | Uint8Array | { readonly [name: string]: Json | Uint8Array };

/** A value as a backend of fields, or one of strings and bytes, holds it. */
export function toContent(value: MemoryValue, asFields: boolean): Content {
  if (typeof value !== "string" && !(value instanceof Uint8Array)) {
    return asFields ? { kind: "fields", fields: value } : { kind: "opaque", value: JSON.stringify(value) };
  }
  if (asFields) {
    throw new SecretsError("invalid-argument", "a backend of fields holds objects, not a string or bytes", {
      provider: "memory",
      hint: 'Give the value a name: { value: "…" }.',
    });
  }
  return { kind: "opaque", value };
}

/** How many bytes a content takes as UTF-8 or JSON. */
export function byteLength(content: Content): number {
  return Buffer.byteLength(content.kind === "fields" ? JSON.stringify(content.fields) : content.value);
}
