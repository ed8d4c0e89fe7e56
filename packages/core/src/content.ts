/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * What a backend holds under one path and version.
 *
 * `opaque`: one string or byte sequence (AWS, Azure, Google, Conjur, a file, a variable).
 * `fields`: named values (Vault, a lease, a certificate, Kubernetes).
 */
export type Content =
  | { readonly kind: "opaque"; readonly value: string | Uint8Array; readonly contentType?: string }
  | { readonly kind: "fields"; readonly fields: { readonly [name: string]: Json | Uint8Array } };

/** How many bytes a content takes, near enough to bound a cache: strings count as UTF-16. */
export function contentSize(content: Content): number {
  return content.kind === "opaque" ? sizeOf(content.value) : sizeOf(content.fields);
}

function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length * 2;
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== "object" || value === null) return 8;
  let size = 16;
  for (const [key, child] of Object.entries(value)) size += key.length * 2 + sizeOf(child);
  return size;
}
