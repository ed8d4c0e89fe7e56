import { SecretsError } from "@keyhold/core";

export interface PlaceholderOptions {
  /** What the placeholder begins with, for libraries that check the shape of a key: `sk-ant-`. */
  readonly prefix?: string;
  /** Its whole length, for libraries that check that. At least 28 more than the prefix. Default: 40 more. */
  readonly length?: number;
}

const marker = "keyhold0";
const randomLength = { default: 32, least: 20 };

/** A placeholder of any `secretFetch`, wherever it stands and in whatever case. */
const anyPlaceholder = /keyhold0[a-z0-9]{20}/i;

/** Whether a placeholder of any `secretFetch` stands in a text. */
export function mentionsPlaceholder(text: string): boolean {
  return anyPlaceholder.test(text);
}

/** The placeholders of one `secretFetch`, or of one grant. */
export interface Placeholders {
  /** Always the same for the same reference and options. */
  create(reference: string, options?: PlaceholderOptions): string;
  /** The reference that this exact text stands for. */
  referenceOf(placeholder: string): string | undefined;
  /** The references whose placeholders stand somewhere in a text. */
  mentionedIn(text: string): string[];
}

export function createPlaceholders(): Placeholders {
  const references = new Map<string, string>();
  const created = new Map<string, string>();
  return {
    create(reference, { prefix = "", length = prefix.length + marker.length + randomLength.default } = {}) {
      const randomCharacters = length - prefix.length - marker.length;
      if (!/^[A-Za-z0-9._-]{0,64}$/.test(prefix)) {
        throw new SecretsError("invalid-argument", "a placeholder's prefix has up to 64 letters, digits and . _ -");
      }
      if (!(Number.isInteger(length) && randomCharacters >= randomLength.least && length <= 1024)) {
        throw new SecretsError("invalid-argument", "a placeholder cannot have this length", {
          hint: `It has ${marker.length + randomLength.least} characters more than its prefix at least, and 1,024 at most.`,
        });
      }
      const key = JSON.stringify([reference, prefix, length]);
      const earlier = created.get(key);
      if (earlier !== undefined) return earlier;
      const random = process.getBuiltinModule("node:crypto").randomBytes(Math.ceil(randomCharacters / 2));
      const placeholder = `${prefix}${marker}${random.toString("hex").slice(0, randomCharacters)}`;
      created.set(key, placeholder);
      references.set(placeholder, reference);
      return placeholder;
    },
    referenceOf: (placeholder) => references.get(placeholder),
    mentionedIn: (text) => [...new Set([...references].flatMap(([one, reference]) => (text.includes(one) ? [reference] : [])))],
  };
}
