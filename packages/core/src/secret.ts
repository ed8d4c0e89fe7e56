import type { Content, Json } from "./content.ts";
import { SecretsError } from "./errors.ts";
import { documentText, fieldKeys, type JsonDocument, parseDocument, plainJson, scalarText, select } from "./json-document.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** What everything that prints, serialises or coerces a secret gives. It is not Latin-1, so no HTTP header takes it. */
export const placeholder = "⟦secret⟧";

/**
 * A value that does not leak: printing, serialising and coercing give `⟦secret⟧`, cloning fails. Only the methods give
 * the value. Two secrets are never equal under `toEqual` or `isDeepStrictEqual`; compare content with `equals`.
 *
 * Strings cannot be wiped in JavaScript. What `bytes()` gives is a copy of yours, which you can `fill(0)`.
 */
export interface Secret {
  /** The value as text. @throws SecretsError `decode` for bytes that are no UTF-8, for fields, for JSON null. */
  text(): string;
  /** The value as a fresh copy of bytes; text as UTF-8. @throws SecretsError `decode` for fields. */
  bytes(): Uint8Array;
  /** The value as JSON, optionally validated by any synchronous Standard Schema. @throws SecretsError `decode`. */
  json(): Json;
  json<Output>(schema: StandardSchema<unknown, Output>): Output;
  /**
   * One part of a JSON document: an own top-level key, an RFC 6901 pointer such as `/a/b`, or `""` for all of it.
   * @throws SecretsError `not-found` when there is none, `decode` when the value is no JSON document.
   */
  field(name: string): Secret;
  /** Whether both hold the same content, in constant time. */
  equals(other: Secret): boolean;
  /** The backend's version; undefined for `secret(value)`. */
  readonly version: string | undefined;
  toString(): string;
  toJSON(): string;
}

/** Text and bytes stand as they are, without an object around them: of these there are many. */
type Held =
  | string
  | Uint8Array
  | { readonly kind: "json"; readonly document: JsonDocument }
  | { readonly kind: "fields"; readonly fields: Readonly<Record<string, Json | Uint8Array>> };

/** A JSON null has no text, and compares as an empty value. */
const isNull = (held: Held) =>
  typeof held === "object" && !(held instanceof Uint8Array) && held.kind === "json" && held.document.value === null;

const isFields = (held: Held): held is Extract<Held, { kind: "fields" }> =>
  typeof held === "object" && !(held instanceof Uint8Array) && held.kind === "fields";

const brand: unique symbol = Symbol.for("@keyhold/secret") as never;
const inspectSymbol = Symbol.for("nodejs.util.inspect.custom");

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SecretsError("decode", "the value is bytes that are not UTF-8 text", { hint: "Use bytes()." });
  }
}

function fieldsDocument(fields: Readonly<Record<string, Json | Uint8Array>>): JsonDocument {
  const entries = Object.entries(fields).map(([name, value]) => [name, value instanceof Uint8Array ? utf8(value) : value]);
  return { value: Object.fromEntries(entries) };
}

/** Keys sorted at every level, so that equal documents have equal text. */
function stable(value: unknown): unknown {
  if (value instanceof Uint8Array) return { "\0bytes": Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(stable);
  if (typeof value !== "object" || value === null || "rawJSON" in value) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, stable(item)]));
}

/** What `equals` compares in a secret of this copy of the package. Not a method: what is reachable from a secret is documented. */
let ownComparable: (secret: Secret) => Uint8Array | undefined;

function documentOf(held: Held): JsonDocument {
  if (typeof held === "string") return parseDocument(held);
  if (held instanceof Uint8Array) return parseDocument(utf8(held));
  return held.kind === "json" ? held.document : fieldsDocument(held.fields);
}

/** Runs `work` and names in its error where the secret came from. */
function explain<T>(origin: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (origin === undefined || !(error instanceof SecretsError)) throw error;
    const provider = origin.slice(0, origin.indexOf("://"));
    throw new SecretsError(error.code, error.message, { ...error, provider, reference: origin });
  }
}

// No private methods: each instance of a class that has one carries a mark for them.
class SecretValue implements Secret {
  static {
    ownComparable = (secret) => {
      if (!(#held in secret)) return undefined;
      const held = secret.#held;
      if (isFields(held)) return new TextEncoder().encode(`\0fields${JSON.stringify(stable(held.fields))}`);
      return isNull(held) ? new Uint8Array() : secret.bytes();
    };
    const hidden = (value: unknown) => ({ value, enumerable: false });
    const plain = () => placeholder;
    Object.defineProperties(SecretValue.prototype, {
      [brand]: hidden(true),
      [inspectSymbol]: hidden(plain),
      [Symbol.toPrimitive]: hidden(plain),
      [Symbol.toStringTag]: hidden("Secret"),
      toLocaleString: hidden(plain),
      valueOf: hidden(plain),
    });
    Object.freeze(SecretValue.prototype);
    Object.freeze(SecretValue);
  }

  readonly #held: Held;
  /** The reference it came from, for the errors of its methods. */
  readonly #origin: string | undefined;
  readonly version: string | undefined;
  /** A symbol no other secret has: it makes two secrets unequal, and structured cloning fails on it. */
  readonly identity: symbol = Symbol(placeholder);

  constructor(held: Held, version: string | undefined, origin: string | undefined) {
    this.#held = held;
    this.#origin = origin;
    this.version = version;
    Object.freeze(this);
  }

  text(): string {
    return explain(this.#origin, () => {
      const held = this.#held;
      if (typeof held === "string") return held;
      if (held instanceof Uint8Array) return utf8(held);
      if (held.kind === "fields") {
        throw new SecretsError("decode", "this secret has fields, so it is no single text", {
          hint: "Name a field in the reference (…#password), or use field(name) or json().",
        });
      }
      if (held.document.value === null) throw new SecretsError("decode", "this field is null, so it has no text");
      return scalarText(held.document) ?? documentText(held.document);
    });
  }

  bytes(): Uint8Array {
    const held = this.#held;
    if (held instanceof Uint8Array) return Uint8Array.from(held);
    return new TextEncoder().encode(this.text());
  }

  json(): Json;
  json<Output>(schema: StandardSchema<unknown, Output>): Output;
  json<Output>(schema?: StandardSchema<unknown, Output>): Json | Output {
    return explain(this.#origin, () => {
      const value = plainJson(documentOf(this.#held));
      return schema === undefined ? value : validated(schema, value);
    });
  }

  field(name: string): Secret {
    return explain(this.#origin, () => {
      const held = this.#held;
      if (name === "") return new SecretValue({ kind: "json", document: documentOf(this.#held) }, this.version, this.#origin);
      const keys = fieldKeys(name);
      const first = keys[0] as string;
      // A field of bytes stays bytes; only its siblings would have to be text.
      if (isFields(held) && keys.length === 1 && Object.hasOwn(held.fields, first)) {
        const value = held.fields[first];
        if (value instanceof Uint8Array) return new SecretValue(value, this.version, this.#origin);
        return new SecretValue({ kind: "json", document: { value } }, this.version, this.#origin);
      }
      const found = select(documentOf(this.#held), keys);
      if (found === undefined) {
        throw new SecretsError("not-found", "this secret has no such field", {
          hint: "The secret exists. Check the part after the #: a key is case-sensitive, a nested one is written #/a/b.",
        });
      }
      return new SecretValue({ kind: "json", document: found }, this.version, this.#origin);
    });
  }

  equals(other: Secret): boolean {
    const [mine, theirs] = [comparable(this), comparable(other)];
    // Loaded here: node:crypto costs milliseconds that most programs never need.
    return mine.byteLength === theirs.byteLength && process.getBuiltinModule("node:crypto").timingSafeEqual(mine, theirs);
  }

  toString(): string {
    return placeholder;
  }

  toJSON(): string {
    return placeholder;
  }
}

/** What `equals` compares. A secret of another copy of this package is asked by its methods. */
function comparable(secret: Secret): Uint8Array {
  const own = ownComparable(secret);
  if (own) return own;
  try {
    return secret.bytes();
  } catch {
    return new TextEncoder().encode(`\0fields${JSON.stringify(stable(secret.json()))}`);
  }
}

function validated<Output>(schema: StandardSchema<unknown, Output>, value: Json): Output {
  let result: ReturnType<(typeof schema)["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(value);
  } catch {
    // What a transform throws may quote the value.
    throw new SecretsError("decode", "the schema threw while it validated the value");
  }
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new SecretsError("invalid-argument", "json(schema) takes a synchronous schema");
  }
  if (result.issues) {
    // Messages and paths may both repeat the document, so only their number is told.
    throw new SecretsError("decode", `the value does not fit the schema (${result.issues.length} issues)`);
  }
  return result.value;
}

/** Turns what a driver read under `reference` into a secret. */
export function secretFromContent(content: Content, version?: string, reference?: string): Secret {
  return new SecretValue(
    content.kind === "fields" ? { kind: "fields", fields: content.fields } : content.value,
    version,
    reference,
  );
}

/**
 * Wraps a value that did not come from a provider, or marks a schema's field as secret: `z.string().transform(secret)`.
 * Bytes are copied. It takes one argument, so that it can be handed to any `transform` or `map`.
 *
 * @throws SecretsError `invalid-argument` for anything but a string, bytes or a secret.
 */
export function secret<Value extends string | Uint8Array | Secret>(value: Value): Secret {
  if (isSecret(value)) return value;
  if (typeof value === "string") return secretFromContent({ kind: "opaque", value });
  if (value instanceof Uint8Array) return secretFromContent({ kind: "opaque", value: Uint8Array.from(value) });
  throw new SecretsError("invalid-argument", "secret() takes a string or bytes", {
    hint: "For an object, use secret(JSON.stringify(value)); in a schema, put .transform(secret) on a string.",
  });
}

/** Whether this is a secret, also one of another copy of this package. The brand proves nothing and gives no access. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[brand] === true;
}
