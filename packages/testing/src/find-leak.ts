import { inspect } from "node:util";

/** The forms in which a value still is the value. */
function forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
}

function attempt(text: () => unknown): string {
  try {
    return String(text());
  } catch {
    // What cannot be printed this way leaks nothing this way.
    return "";
  }
}

/**
 * Searches what a program could print of `subject` for any of `values`, also escaped, URL-encoded, in base64 or hex: `String`, JSON,
 * message, stack and `util.inspect` at any depth with hidden properties and getters.
 *
 * @returns where it stands ("the stack"), or undefined. Never the value.
 */
export function findLeak(subject: unknown, values: Iterable<string>): string | undefined {
  const { message, stack } = (subject ?? {}) as { message?: unknown; stack?: unknown };
  const prints: Readonly<Record<string, string>> = {
    "the message": attempt(() => message),
    "the stack": attempt(() => stack),
    "the text": attempt(() => subject),
    "the JSON": attempt(() => JSON.stringify(subject)),
    "what inspect shows": attempt(() =>
      inspect(subject, { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }),
    ),
  };
  for (const value of values) {
    for (const form of forms(value)) {
      for (const [where, text] of Object.entries(prints)) if (text.includes(form)) return where;
    }
  }
  return undefined;
}
