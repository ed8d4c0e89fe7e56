import type { Json } from "./content.ts";
import { SecretsError } from "./errors.ts";

// JSON.parse's source text access and JSON.rawJSON (https://github.com/tc39/proposal-json-parse-with-source) are in
// Node 22 and not yet in TypeScript's library.
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}
const { parse, rawJSON, isRawJSON } = JSON as unknown as JsonWithSource;

/**
 * A parsed JSON document that still knows how its numbers were written: 12345678901234567890 and 1.0 keep their source
 * text. Such numbers are raw JSON objects in `value`.
 */
export interface JsonDocument {
  readonly value: unknown;
}

/** Parses JSON. @throws SecretsError `decode`, which never repeats the input as `JSON.parse`'s own message does. */
export function parseDocument(text: string): JsonDocument {
  try {
    const value = parse(text, (_key, item, context) => {
      if (typeof item !== "number" || context.source === undefined || String(item) === context.source) return item;
      return rawJSON(context.source);
    });
    return { value };
  } catch (error) {
    const deep = error instanceof RangeError;
    throw new SecretsError("decode", deep ? "the value is JSON that is nested too deeply" : "the value is not JSON", {
      hint: "A field, or json(), needs a JSON document in the backend. Use text() or bytes() for anything else.",
    });
  }
}

/** The document as JSON text, numbers as they were written. */
export function documentText(document: JsonDocument): string {
  try {
    return JSON.stringify(document.value);
  } catch {
    throw new SecretsError("decode", "the value is JSON that is nested too deeply");
  }
}

/** The text of one JSON scalar: a string as it is, a number as it was written. Undefined for null, arrays and objects. */
export function scalarText(document: JsonDocument): string | undefined {
  const { value } = document;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return isRawJSON(value) ? value.rawJSON : undefined;
}

/** Plain JSON: ordinary numbers, with a double's precision. */
export function plainJson(document: JsonDocument): Json {
  return JSON.parse(documentText(document)) as Json;
}

const isContainer = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !isRawJSON(value);

/** One step down by an own key or an array index without leading zeros. */
function child(value: unknown, key: string): { value: unknown } | undefined {
  if (Array.isArray(value))
    return /^(0|[1-9][0-9]*)$/.test(key) && Number(key) < value.length ? { value: value[Number(key)] } : undefined;
  return isContainer(value) && Object.hasOwn(value, key) ? { value: value[key] } : undefined;
}

/** The keys of an RFC 6901 pointer (`/a~1b/0`), or the one key that a text without a leading slash is. */
export function fieldKeys(field: string): readonly string[] {
  if (!field.startsWith("/")) return [field];
  return field
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** What lies at `keys`, or undefined. Inherited properties do not count. */
export function select(document: JsonDocument, keys: readonly string[]): JsonDocument | undefined {
  let current: { value: unknown } | undefined = document;
  for (const key of keys) {
    current = child(current.value, key);
    if (current === undefined) return undefined;
  }
  return current;
}
