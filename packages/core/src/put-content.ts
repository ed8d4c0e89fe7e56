import type { Content, Json } from "./content.ts";
import { SecretsError } from "./errors.ts";
import type { Features } from "./provider.ts";
import { isSecret, type Secret } from "./secret.ts";

const invalid = (message: string, hint?: string) =>
  new SecretsError("invalid-argument", message, hint === undefined ? {} : { hint });

function textOrBytes(secret: Secret): string | Uint8Array {
  try {
    return secret.text();
  } catch {
    return secret.bytes();
  }
}

/** A JSON value without surprises: secrets inside are opened, and what JSON would silently change or drop is refused. */
function toJson(value: unknown, depth = 0): Json {
  if (depth > 100) throw invalid("the value is nested too deeply, or in a circle");
  if (isSecret(value)) return value.text();
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, depth + 1)]));
  }
  throw invalid(
    `a ${typeof value} inside the value cannot be written as JSON`,
    "Use strings, numbers, booleans, null, arrays and plain objects.",
  );
}

/**
 * What `put` writes: for a backend of fields an object, otherwise text, bytes, or an object as JSON text.
 * @throws SecretsError `invalid-argument`.
 */
export function putContent(value: unknown, features: Features): Content {
  const plain = isSecret(value) && !features.fields ? textOrBytes(value) : value;
  if (!features.fields) {
    if (typeof plain === "string" || plain instanceof Uint8Array) {
      if (plain instanceof Uint8Array && !features.binary)
        throw invalid("this provider holds text only", "Encode the bytes as base64.");
      return { kind: "opaque", value: plain };
    }
    if (typeof plain !== "object" || plain === null) throw invalid("a value is a string, bytes or an object");
    return { kind: "opaque", value: JSON.stringify(toJson(plain)), contentType: "application/json" };
  }
  const object = isSecret(value) ? value.json() : value;
  if (typeof object !== "object" || object === null || object instanceof Uint8Array || Array.isArray(object)) {
    throw invalid("this provider holds named fields", "Give an object, for example { value: … }.");
  }
  const entries = Object.entries(object).map(([name, item]) => {
    if (isSecret(item)) return [name, textOrBytes(item)];
    return [name, item instanceof Uint8Array ? item : toJson(item)];
  });
  return { kind: "fields", fields: Object.fromEntries(entries) };
}
