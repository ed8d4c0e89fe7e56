import { SecretsError } from "@keyhold/core";

/** Which texts are drawn. Every text that fits is as likely as every other. */
export interface TextPolicy {
  /** How many characters. Default: 32. */
  readonly length?: number;
  /** What the characters are taken from, at least one of each class. Default: lower-case and upper-case letters and digits. */
  readonly classes?: readonly (keyof typeof characterClasses | { readonly characters: string })[];
  /** Characters that are left out, such as those that look alike: `"0O1lI"`. Default: none. */
  readonly forbidden?: string;
}

const characterClasses = {
  lower: "abcdefghijklmnopqrstuvwxyz",
  upper: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  digits: "0123456789",
  symbols: "!#$%&()*+,-./:;<=>?@[]^_{|}~",
} as const;

const longest = 4096;

const refuse = (message: string, hint: string) => new SecretsError("invalid-argument", message, { hint });

/** A function that draws texts, checked once. @throws SecretsError `invalid-argument` for a policy that few or no texts fit. */
export function randomText({ length = 32, classes = ["lower", "upper", "digits"], forbidden = "" }: TextPolicy): () => string {
  if (!Number.isInteger(length) || length < 1 || length > longest) {
    throw refuse(`length is a whole number from 1 to ${longest}`, "32 letters and digits hold 190 bits.");
  }
  const left = classes.map((one) => {
    const characters = typeof one === "string" ? characterClasses[one] : one.characters;
    return new Set([...(characters ?? "")].filter((character) => !forbidden.includes(character)));
  });
  const alphabet = [...new Set(left.flatMap((one) => [...one]))];
  if (left.some((one) => one.size === 0)) throw refuse("a class of characters is empty", "Forbid less, or leave the class out.");
  const unlikely = left.reduce((sum, one) => sum + (1 - one.size / alphabet.length) ** length, 0);
  // Drawn until one fits, which keeps every fitting text equally likely; so enough of them have to fit.
  if (left.length > length || unlikely > 0.99) {
    throw refuse("texts of this length rarely hold a character of each class", "Raise the length, or name fewer classes.");
  }
  const { randomInt } = process.getBuiltinModule("node:crypto");
  return () => {
    for (;;) {
      const drawn = Array.from({ length }, () => alphabet[randomInt(alphabet.length)] as string);
      if (left.every((one) => drawn.some((character) => one.has(character)))) return drawn.join("");
    }
  };
}
