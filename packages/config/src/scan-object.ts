import { inspect } from "node:util";
import { isSecret, type Secret } from "@keyhold/core";

/**
 * Whether anything that can be got out of a value has a fetched text in it: elements of maps and sets, properties whatever their
 * kind, bytes, and all that printing and serialising show. Hands over the secrets it meets.
 */
export function scanObject(value: unknown, hasNeedle: (text: string) => boolean, onSecret: (secret: Secret) => void): boolean {
  const seen = new Set<object>();
  const scan = (one: unknown): boolean => {
    if (typeof one === "string") return hasNeedle(one);
    if (typeof one === "symbol") return hasNeedle(one.description ?? "");
    if (one === null || (typeof one !== "object" && typeof one !== "function")) return false;
    if (isSecret(one)) {
      onSecret(one);
      return false;
    }
    if (seen.has(one)) return false;
    seen.add(one);
    if (ArrayBuffer.isView(one)) return hasNeedle(Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString());
    if (one instanceof ArrayBuffer) return hasNeedle(Buffer.from(one).toString());
    const inner = one instanceof Map ? [...one].flat() : one instanceof Set ? [...one] : [];
    for (const key of Reflect.ownKeys(one))
      inner.push(
        key,
        attempt(() => (one as Record<PropertyKey, unknown>)[key]),
      );
    return inner.some(scan) || printed(one).some(hasNeedle);
  };
  return scan(value);
}

/** What the value says of itself. A URL, headers or a promise hold their text where no property shows it. */
function printed(value: object): string[] {
  const everything = {
    showHidden: true,
    depth: 8,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Number.POSITIVE_INFINITY,
  };
  const texts = [() => String(value), () => JSON.stringify(value), () => inspect(value, everything)];
  return texts.map(attempt).filter((text) => typeof text === "string");
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // A value that cannot be read shows nothing.
    return undefined;
  }
}
