import { randomInt } from "node:crypto";
import { gunzipSync } from "node:zlib";

/**
 * A value that stands nowhere by chance. Its two halves are plain, so that a part of a leak is one too; between them stand
 * characters that JSON, URLs, HTML and UTF-8 each write in their own way.
 */
export interface Canary {
  readonly text: string;
  readonly halves: readonly string[];
  /** Eight characters at each end of each half: engines quote no more of what they refuse. */
  readonly parts: readonly string[];
}

export function createCanary(): Canary {
  const half = () => `k${Array.from({ length: 11 }, () => randomInt(36).toString(36)).join("")}`;
  const halves = [half(), half()];
  return {
    text: halves.join('"\\/+ &é?>'),
    halves,
    parts: halves.flatMap((text) => [text.slice(0, 8), text.slice(-8)]),
  };
}

/** What came out of a sink, in the two ways that encodings are searched in. */
interface Output {
  readonly bytes: Buffer;
  /** The bytes as Latin-1, so that nothing is lost to decoding. */
  readonly latin1: string;
  readonly numbers: readonly string[];
}

type Finder = (output: Output, canary: Canary) => boolean;

/** The part of the base64 that does not depend on what stands before and after the value. */
function base64Core(text: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const start = Math.ceil((offset * 8) / 6);
  const end = Math.floor((bytes.length * 8) / 6);
  return bytes.toString("base64").slice(start, end);
}

const urlSafe = (base64: string) => base64.replaceAll("+", "-").replaceAll("/", "_");
const bytesOf = (text: string) => [...Buffer.from(text)];
/** Looks for the whole; where an encoding changes plain characters too, for each half as well. */
const inText = (encode: (text: string) => string, changesAll = false): Finder => {
  return ({ latin1, bytes }, { text, halves }) =>
    [text, ...(changesAll ? halves : [])].map(encode).some((wanted) => latin1.includes(wanted) || bytes.includes(wanted));
};
const inBytes = (encode: (text: string) => Buffer): Finder => {
  return ({ bytes }, { text, halves }) => [text, ...halves].some((part) => bytes.includes(encode(part)));
};
const swapped = (text: string) => Buffer.from(text, "utf16le").swap16();
const escaped = (pattern: (unit: number) => string) => (text: string) =>
  Array.from({ length: text.length }, (_, index) => pattern(text.charCodeAt(index))).join("");

const hasNumbers = (numbers: readonly string[], { halves }: Canary) =>
  halves.some((half) => `,${numbers.join(",")},`.includes(`,${bytesOf(half).join(",")},`));

const inNumbers: Finder = ({ numbers }, canary) => hasNumbers(numbers, canary);

/** `{"0":107,"1":52,…}`: every second number is a byte. */
const inIndexedNumbers: Finder = ({ numbers }, canary) =>
  [0, 1].some((parity) =>
    hasNumbers(
      numbers.filter((_, index) => index % 2 === parity),
      canary,
    ),
  );

/** Every gzip stream in the output, unpacked, also where it stands as base64. */
function unpacked({ bytes, latin1 }: Output): Buffer[] {
  const streams = [...latin1.matchAll(/\x1f\x8b\x08/g)].map((match) => bytes.subarray(match.index));
  for (const match of latin1.matchAll(/H4sI[\w+/-]+/g)) streams.push(Buffer.from(match[0], "base64"));
  return streams.flatMap((stream) => {
    try {
      return [gunzipSync(stream)];
    } catch {
      return [];
    }
  });
}

const plainEncodings: Readonly<Record<string, Finder>> = {
  raw: inText((text) => text),
  "a part": ({ latin1 }, { parts }) => parts.some((part) => latin1.includes(part)),
  "JSON-escaped": inText((text) => JSON.stringify(text).slice(1, -1)),
  "JSON-escaped twice": inText((text) => JSON.stringify(JSON.stringify(text)).slice(3, -3)),
  "base64, offset 0": inText((text) => base64Core(text, 0), true),
  "base64, offset 1": inText((text) => base64Core(text, 1), true),
  "base64, offset 2": inText((text) => base64Core(text, 2), true),
  "base64url, offset 0": inText((text) => urlSafe(base64Core(text, 0)), true),
  "base64url, offset 1": inText((text) => urlSafe(base64Core(text, 1)), true),
  "base64url, offset 2": inText((text) => urlSafe(base64Core(text, 2)), true),
  hex: inText((text) => Buffer.from(text).toString("hex"), true),
  "hex, upper case": inText((text) => Buffer.from(text).toString("hex").toUpperCase(), true),
  "<Buffer ..>": inText(
    (text) =>
      bytesOf(text)
        .map((byte) => byte.toString(16).padStart(2, "0"))
        .join(" "),
    true,
  ),
  "URL-encoded": inText(encodeURIComponent),
  "form-encoded": inText((text) => new URLSearchParams({ "": text }).toString().slice(1)),
  "HTML-escaped": inText((text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll(">", "&gt;")),
  "UTF-16, little-endian": inBytes((text) => Buffer.from(text, "utf16le")),
  "UTF-16, big-endian": inBytes(swapped),
  "Latin-1": inBytes((text) => Buffer.from(text, "latin1")),
  "\\u escapes": inText(
    escaped((unit) => `\\u${unit.toString(16).padStart(4, "0")}`),
    true,
  ),
  "\\x escapes": inText(
    escaped((unit) => `\\x${unit.toString(16).padStart(2, "0")}`),
    true,
  ),
  "JSON byte array": inNumbers,
  "JSON byte object": inIndexedNumbers,
};

/** The names of all encodings that are searched for. */
export const encodings: readonly string[] = [...Object.keys(plainEncodings), "gzip"];

/** The encodings under which the canary stands in what a sink gave. */
export function findCanary(emitted: string | Uint8Array, canary: Canary): string[] {
  const bytes = Buffer.from(emitted as Uint8Array);
  const latin1 = bytes.toString("latin1");
  const output = { bytes, latin1, numbers: latin1.match(/\d+/g) ?? [] };
  const found = Object.keys(plainEncodings).filter((name) => plainEncodings[name]?.(output, canary));
  const inside = unpacked(output).some((stream) => findCanary(stream, canary).length > 0);
  return inside ? [...found, "gzip"] : found;
}
