import { SecretsError } from "@keyhold/core";
import { encodingsOf } from "./encodings.ts";

/** The values that were put into requests: no answer may hand one of them back, whichever request it came with. */
export interface UsedValues {
  /** @throws SecretsError `invalid-argument` for a value that is too short to be told from text by chance. */
  add(value: string, reference: string): void;
  /** What to search answers for. */
  needles(): readonly Uint8Array[];
}

const leastLength = 6;
/** Versions of rotated secrets are remembered too; beyond this goes what was not used for longest. */
const mostValues = 256;

export function createUsedValues(): UsedValues {
  const used = new Map<string, readonly Uint8Array[]>();
  let all: readonly Uint8Array[] | undefined;
  return {
    add(value, reference) {
      const known = used.get(value);
      if (known) {
        // The last to go again.
        used.delete(value);
        used.set(value, known);
        return;
      }
      if (Buffer.byteLength(value) < leastLength) {
        throw new SecretsError("invalid-argument", "this secret is too short to be found in answers", {
          reference,
          hint: `It has fewer than ${leastLength} bytes. Use a longer one, or give the rule response: "status-only".`,
        });
      }
      if (used.size === mostValues) used.delete(used.keys().next().value as string);
      used.set(
        value,
        encodingsOf(value).filter((needle) => needle.length >= leastLength),
      );
      all = undefined;
    },
    needles() {
      all ??= [...used.values()].flat();
      return all;
    },
  };
}
