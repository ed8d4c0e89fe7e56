import { SecretsError } from "./errors.ts";

/**
 * A parsed reference: `<provider>://<path>?version=…|stage=…#<field>`, every part decoded.
 *
 * There is no authority: everything between `://` and `?` or `#` is the path, case and all. `provider` is the name given
 * in `createSecrets({ providers })`.
 */
export interface Reference {
  readonly provider: string;
  readonly path: string;
  /** One exact version, in the backend's own words. Excludes `stage`. */
  readonly version?: string;
  /** A moving label such as AWS's `AWSPREVIOUS`. Excludes `version`. */
  readonly stage?: string;
  /** `undefined`: the whole value. `""`: the document as JSON. `"k"`: an own top-level key. `"/a/b"`: an RFC 6901 pointer. */
  readonly field?: string;
}

/** A provider's name: what may stand before `://`. */
export const providerNamePattern: RegExp = /^[A-Za-z][A-Za-z0-9+._-]{0,62}$/;

const maxLength = 8192;

// What \p{Cc} and \p{Cs} mean, written out: Unicode's tables for them cost a cold start more than the rest of parsing does.
const controlPattern = /[\u0000-\u001F\u007F-\u009F]/;
const unfitPattern = /[\s\u0000-\u001F\u007F-\u009F\uD800-\uDFFF]/u;

function refuse(position: number, what: string, hint?: string): SecretsError {
  // The text itself is never repeated: a credential may stand in it.
  return new SecretsError("invalid-argument", `malformed reference at position ${position}: ${what}`, {
    hint: hint ?? "A reference reads <provider>://<path>?version=…#<field>, for example aws://prod/openai#apiKey.",
  });
}

/** Percent-decodes RFC 3986 text, refusing what does not decode to well-formed UTF-8, white space and control characters. */
function decode(raw: string, offset: number): string {
  const bad = unfitPattern.exec(raw);
  if (bad) throw refuse(offset + bad.index, "white space or a control character", "Write it percent-encoded: a space is %20.");
  const broken = /%(?![0-9A-Fa-f]{2})/.exec(raw);
  if (broken) throw refuse(offset + broken.index, "a % that starts no escape", "A literal percent sign is written %25.");
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch {
    throw refuse(offset + raw.indexOf("%"), "escapes that are not UTF-8");
  }
  if (controlPattern.test(text)) throw refuse(offset, "an escaped control character");
  return text;
}

/** Why this path is refused, or undefined. Shared by parsing and formatting, so that the two stay inverse. */
function pathProblem(path: string): string | undefined {
  if (path === "") return "the path is empty";
  // URLs normalise dot segments even when percent-encoded, so one would leave the path it stands in.
  if (path.split("/").some((segment) => segment === "." || segment === "..")) return "a path segment is . or ..";
  return undefined;
}

function fieldProblem(field: string): string | undefined {
  if (field.startsWith("/") && /~(?![01])/.test(field)) return "a ~ in the pointer that is neither ~0 nor ~1 (RFC 6901)";
  return undefined;
}

function parseQuery(query: string, offset: number): { version?: string; stage?: string } {
  const found: { version?: string; stage?: string } = {};
  let position = offset;
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    const name = equals === -1 ? pair : pair.slice(0, equals);
    if (name !== "version" && name !== "stage") {
      throw refuse(
        position,
        "an unknown parameter",
        "Only version=… and stage=… may stand after the ?; region, address and credentials belong to the provider.",
      );
    }
    if (found.version !== undefined || found.stage !== undefined) {
      throw refuse(position, "more than one of version and stage", "Give one of them, once.");
    }
    const value = decode(equals === -1 ? "" : pair.slice(equals + 1), position + equals + 1);
    if (value === "") throw refuse(position, `an empty ${name}`, "Leave the parameter out for the current version.");
    found[name] = value;
    position += pair.length + 1;
  }
  return found;
}

/**
 * Parses a reference. Its inverse is `formatReference`.
 *
 * @throws SecretsError `invalid-argument` with the position of what is wrong, and never the text that stood there.
 */
export function parseReference(text: string): Reference {
  if (typeof text !== "string") throw refuse(0, "not a string");
  if (text.length > maxLength) throw refuse(maxLength, `longer than ${maxLength} characters`);
  const separator = text.indexOf("://");
  if (separator === -1) throw refuse(0, "no <provider>://");
  const provider = text.slice(0, separator);
  if (!providerNamePattern.test(provider)) {
    throw refuse(0, "what stands before :// is no provider name", "A name is a letter, then letters, digits and + . _ -");
  }
  const start = separator + 3;
  const hash = text.indexOf("#", start);
  const beforeHash = hash === -1 ? text.length : hash;
  const mark = text.slice(0, beforeHash).indexOf("?", start);
  const rawPath = text.slice(start, mark === -1 ? beforeHash : mark);
  const userinfo = /^[^/]*:[^/]*@/.exec(rawPath);
  if (userinfo) {
    throw refuse(
      start,
      "what looks like user:password@",
      "Credentials belong to the provider's options. An @ that is part of a name is written %40.",
    );
  }
  const path = decode(rawPath, start);
  const problem = pathProblem(path);
  if (problem) throw refuse(start, problem);
  const selected = mark === -1 ? {} : parseQuery(text.slice(mark + 1, beforeHash), mark + 1);
  if (hash === -1) return { provider, path, ...selected };
  const field = decode(text.slice(hash + 1), hash + 1);
  const wrong = fieldProblem(field);
  if (wrong) throw refuse(hash + 1, wrong);
  return { provider, path, ...selected, field };
}

// Most references have nothing to encode.
const encode = (text: string, keep: RegExp): string =>
  keep.test(text)
    ? text
    : Array.from(text, (character) => (keep.test(character) ? character : encodeURIComponent(character))).join("");

// RFC 3986 pchar without "@" (which could read as userinfo) and "%"; "/" stays a separator.
const inPath = /^[A-Za-z0-9\-._~!$'()*+,;=:/]*$/;
const inQuery = /^[A-Za-z0-9\-._~!$'()*,;:@/]*$/;
const inField = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/?]*$/;

/**
 * Writes a reference. `parseReference(formatReference(reference))` equals `reference`.
 *
 * @throws SecretsError `invalid-argument` for parts that no reference can hold.
 */
export function formatReference(reference: Reference): string {
  const { provider, path, version, stage, field } = reference;
  const bad = (what: string) => new SecretsError("invalid-argument", `this cannot be written as a reference: ${what}`);
  if (!providerNamePattern.test(provider)) throw bad("the provider's name");
  const problem = pathProblem(path) ?? (field === undefined ? undefined : fieldProblem(field));
  if (problem) throw bad(problem);
  if (version !== undefined && stage !== undefined) throw bad("both version and stage");
  if (version === "" || stage === "") throw bad("an empty version or stage");
  for (const part of [path, version, stage, field]) {
    if (part !== undefined && (controlPattern.test(part) || !part.isWellFormed()))
      throw bad("a control character or half a surrogate pair");
  }
  let text = `${provider}://${encode(path, inPath)}`;
  if (version !== undefined) text += `?version=${encode(version, inQuery)}`;
  if (stage !== undefined) text += `?stage=${encode(stage, inQuery)}`;
  if (field !== undefined) text += `#${encode(field, inField)}`;
  if (text.length > maxLength) throw bad(`longer than ${maxLength} characters`);
  return text;
}
