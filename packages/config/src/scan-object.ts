import { inspect } from "node:util";
import { isSecret, type Secret } from "@keyhold/core";

const mostObjects = 100_000;

/**
 * Whether anything that can be got out of a value has a fetched text in it: elements of maps and sets, properties whatever their
 * kind, bytes, and all that printing and serialising show. Hands over the secrets it meets.
 *
 * @throws RangeError for more than 100,000 objects.
 */
export function scanObject(value: unknown, hasNeedle: (text: string) => boolean, onSecret: (secret: Secret) => void): boolean {
  const seen = new Set<object>();
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const one = pending.pop();
    if (typeof one === "string" && hasNeedle(one)) return true;
    if (typeof one === "symbol" && hasNeedle(one.description ?? "")) return true;
    if (one === null || (typeof one !== "object" && typeof one !== "function") || seen.has(one)) continue;
    seen.add(one);
    if (seen.size > mostObjects) throw new RangeError("too many objects");
    if (isSecret(one)) onSecret(one);
    else if (texts(one).some(hasNeedle)) return true;
    else for (const part of parts(one)) pending.push(part);
  }
  return false;
}

/** What an object says of itself. A URL, headers or a promise hold their text where no property shows it. */
function texts(one: object): string[] {
  if (ArrayBuffer.isView(one)) return [Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString()];
  if (one instanceof ArrayBuffer) return [Buffer.from(one).toString()];
  const all = { showHidden: true, depth: 1, maxArrayLength: null, maxStringLength: null, breakLength: Number.POSITIVE_INFINITY };
  const printers = [() => String(one), () => JSON.stringify(one), () => inspect(one, all)];
  return printers.map(attempt).filter((text) => typeof text === "string");
}

/** What an object consists of. */
function* parts(one: object): Generator<unknown> {
  if (ArrayBuffer.isView(one)) return;
  if (one instanceof Map || one instanceof Set) for (const element of one) yield element;
  for (const key of Reflect.ownKeys(one)) {
    yield key;
    yield attempt(() => (one as Record<PropertyKey, unknown>)[key]);
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // A value that cannot be read shows nothing.
    return undefined;
  }
}
