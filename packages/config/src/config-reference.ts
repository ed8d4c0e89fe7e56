import { formatReference, parseReference, type Reference, SecretsError } from "@keyhold/core";

/** A reference as configuration may write it. */
export interface ConfigReference {
  /** As `formatReference` writes it, for errors. */
  readonly text: string;
  /** The same without its field: what is read once. */
  readonly whole: string;
  readonly field: string | undefined;
  readonly parsed: Reference;
  /** `?optional`: a missing value is left out. */
  readonly optional: boolean;
  /** `?default=…`, decoded: what stands in for a missing value. */
  readonly fallback: string | undefined;
}

function refuse(position: number, what: string, hint: string): SecretsError {
  return new SecretsError("invalid-argument", `malformed reference at position ${position}: ${what}`, { hint });
}

function decoded(raw: string, position: number): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw refuse(position, "a default with a broken escape", "A literal percent sign is written %25.");
  }
}

/**
 * Parses a reference with `?optional` or `?default=…`, which only configuration has.
 *
 * @throws SecretsError `invalid-argument` with the position of what is wrong, and never the text that stood there.
 */
export function parseConfigReference(text: string): ConfigReference {
  const hash = text.indexOf("#");
  const beforeField = hash === -1 ? text.length : hash;
  const mark = text.slice(0, beforeField).indexOf("?");
  const kept: string[] = [];
  const removed: { at: number; length: number }[] = [];
  let optional = false;
  let fallback: string | undefined;
  if (mark !== -1) {
    let position = mark + 1;
    for (const parameter of text.slice(mark + 1, beforeField).split("&")) {
      const name = parameter.split("=", 1)[0];
      if (name === "optional" || name === "default") {
        if (optional || fallback !== undefined)
          throw refuse(position, "more than one of optional and default", "Give one of them, once.");
        if ((name === "optional") === parameter.includes("=")) {
          throw refuse(position, `a malformed ${name}`, "Write ?optional or ?default=….");
        }
        if (name === "optional") optional = true;
        else fallback = decoded(parameter.slice("default=".length), position);
        removed.push({ at: position - 1, length: parameter.length + 1 });
      } else kept.push(parameter);
      position += parameter.length + 1;
    }
  }
  const path = mark === -1 ? text.slice(0, beforeField) : text.slice(0, mark);
  const query = kept.length === 0 ? "" : `?${kept.join("&")}`;
  const parsed = withPositions(() => parseReference(`${path}${query}${text.slice(beforeField)}`), removed);
  const { field, ...whole } = parsed;
  return { text: formatReference(parsed), whole: formatReference(whole), field, parsed, optional, fallback };
}

/** A position in what `parseReference` saw, as one in what the user wrote. */
function withPositions<T>(parse: () => T, removed: readonly { at: number; length: number }[]): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SecretsError) || removed.length === 0) throw error;
    const message = error.message.replace(/position (\d+)/, (_all, digits: string) => {
      let position = Number(digits);
      for (const { at, length } of removed) if (position > at) position += length;
      return `position ${position}`;
    });
    throw new SecretsError(error.code, message, { ...error });
  }
}
