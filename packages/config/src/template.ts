import { SecretsError } from "@keyhold/core";
import { type ConfigReference, parseConfigReference } from "./config-reference.ts";

/** A piece of a string in the configuration: its own text, or a reference that a value is put in for. */
export type Part = string | { readonly reference: ConfigReference; readonly encode: boolean };

/** Throws a `SecretsError` unless there is a provider of this name. */
export type CheckProvider = (name: string) => void;

const scheme = /^([A-Za-z][A-Za-z0-9+._-]{0,62}):\/\//;

/** What stands before `://` at the start, if it could be a provider's name. */
export const schemeOf = (text: string): string | undefined => scheme.exec(text)?.[1];

/**
 * Takes a string of the configuration apart, in one pass: a whole reference, or text with `${reference}` in it. In a text that
 * itself starts `scheme://`, values are percent-encoded unless the reference ends in `|raw`. `$${` is a literal `${`.
 *
 * @throws SecretsError `invalid-argument` for a malformed reference, or one in `${…}` to a provider that is not there.
 */
export function parseText(text: string, isProvider: (name: string) => boolean, checkProvider: CheckProvider): readonly Part[] {
  const provider = schemeOf(text);
  if (provider !== undefined && isProvider(provider)) {
    const inner = text.indexOf("${");
    if (inner !== -1) {
      throw new SecretsError("invalid-argument", `a \${ inside a reference, at position ${inner}`, {
        hint: "A reference takes no other value into itself. A literal { is written %7B.",
      });
    }
    return [{ reference: parseConfigReference(text), encode: false }];
  }
  const parts: Part[] = [];
  const encode = provider !== undefined;
  let own = "";
  for (let position = 0; position < text.length; ) {
    if (text.startsWith("$${", position)) {
      own += "${";
      position += 3;
    } else if (text.startsWith("${", position) && schemeOf(text.slice(position + 2)) !== undefined) {
      const end = text.indexOf("}", position);
      if (end === -1) {
        throw new SecretsError("invalid-argument", `no } closes the reference at position ${position}`, {
          hint: "Close it, or write $${ for a literal ${.",
        });
      }
      if (own !== "") parts.push(own);
      own = "";
      parts.push(placed(text.slice(position + 2, end), position, encode, checkProvider));
      position = end + 1;
    } else {
      own += text[position];
      position += 1;
    }
  }
  if (own !== "" || parts.length === 0) parts.push(own);
  return parts;
}

/** What stands between `${` and `}`. */
function placed(inside: string, position: number, encode: boolean, checkProvider: CheckProvider): Part {
  const [text = "", ...filters] = inside.split("|");
  checkProvider(schemeOf(text) as string);
  if (filters.length > 0 && filters.join("|") !== "raw") {
    throw new SecretsError("invalid-argument", `an unknown filter in the reference at position ${position}`, {
      hint: "Only |raw may follow a reference. A | that is part of its path is written %7C.",
    });
  }
  let reference: ConfigReference;
  try {
    reference = parseConfigReference(text);
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    throw new SecretsError(error.code, `in the \${…} at position ${position}: ${error.message}`, { ...error });
  }
  if (reference.optional) {
    throw new SecretsError("invalid-argument", `?optional in the \${…} at position ${position}`, {
      hint: "Part of a text cannot be left out. Give it ?default=…, or make the whole field a reference.",
    });
  }
  return { reference, encode: encode && filters.length === 0 };
}

/** RFC 3986 percent-encoding of everything that is not unreserved. @throws SecretsError `decode` for half a surrogate pair. */
export function percentEncode(text: string): string {
  if (!text.isWellFormed()) {
    throw new SecretsError("decode", "the value is not well-formed text, so it cannot stand in a URL", {
      hint: "Check it in the backend.",
    });
  }
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
