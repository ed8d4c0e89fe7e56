import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createCanary, encodings, findCanary } from "./encodings.ts";

const canary = createCanary();
const { text } = canary;
const bytes = Buffer.from(text);
const encoded: Readonly<Record<string, string | Uint8Array>> = {
  raw: `before ${text} after`,
  "a part": `…${canary.parts[1]}…`,
  "JSON-escaped": JSON.stringify({ text }),
  "JSON-escaped twice": JSON.stringify({ body: JSON.stringify({ text }) }),
  "base64, offset 0": Buffer.from(`abc${text}!`).toString("base64"),
  "base64, offset 1": Buffer.from(`a${text}!!`).toString("base64"),
  "base64, offset 2": Buffer.from(`ab${text}`).toString("base64"),
  "base64url, offset 0": Buffer.from(`${text}?`).toString("base64url"),
  "base64url, offset 1": Buffer.from(`a${text}?`).toString("base64url"),
  "base64url, offset 2": Buffer.from(`ab${text}?`).toString("base64url"),
  hex: Buffer.from(`a${text}`).toString("hex"),
  "hex, upper case": bytes.toString("hex").toUpperCase(),
  "<Buffer ..>": inspect(bytes),
  "URL-encoded": encodeURIComponent(`a=${text}`),
  "form-encoded": new URLSearchParams({ text, other: "1" }).toString(),
  "HTML-escaped": text.replace(/["&>]/g, (found) => ({ '"': "&quot;", "&": "&amp;", ">": "&gt;" })[found] ?? found),
  "UTF-16, little-endian": Buffer.from(`a${text}`, "utf16le"),
  "UTF-16, big-endian": Buffer.from(text, "utf16le").swap16(),
  "Latin-1": Buffer.from(text, "latin1"),
  "\\u escapes": [...text].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  "\\x escapes": [...text].map((character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`).join(""),
  "JSON byte array": JSON.stringify(bytes),
  "JSON byte object": JSON.stringify({ ...bytes }),
  gzip: gzipSync(`a ${text}`).toString("base64"),
};

describe("the search for a value", () => {
  it.for(encodings)("finds it as %s", (name) => {
    expect(findCanary(encoded[name] as string, canary)).toContain(name);
  });

  it("finds nothing in another value, in any encoding", () => {
    const other = createCanary();
    for (const output of Object.values(encoded)) expect(findCanary(output, other)).toEqual([]);
  });

  it("finds the bytes as inspect prints them in columns", () => {
    expect(findCanary(inspect(new Uint8Array(bytes)), canary)).toEqual(["JSON byte array"]);
  });
});
