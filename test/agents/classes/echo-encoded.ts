import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { AttackTable } from "../attack.ts";

const units = (value: string, write: (unit: number) => string) =>
  Array.from({ length: value.length }, (_, index) => write(value.charCodeAt(index))).join("");
const hex = (number: number, digits: number) => number.toString(16).padStart(digits, "0");
const base64 = (text: string) => Buffer.from(text).toString("base64");

const encoders: Readonly<Record<string, (value: string) => string | Buffer>> = {
  "percent-encoded": encodeURIComponent,
  "percent-encoded in lower case": (value) => encodeURIComponent(value).replace(/%../g, (found) => found.toLowerCase()),
  "as a form": (value) => new URLSearchParams({ value }).toString(),
  "as JSON within JSON": (value) => JSON.stringify(JSON.stringify({ value })),
  "as HTML": (value) => value.replaceAll("&", "&amp;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
  "in \\u escapes": (value) => units(value, (unit) => `\\u${hex(unit, 4)}`),
  "in \\x escapes": (value) => [...Buffer.from(value)].map((byte) => `\\x${hex(byte, 2)}`).join(""),
  "in base64": (value) => base64(value),
  "in base64, one byte in": (value) => base64(`a${value}z`),
  "in base64, two bytes in": (value) => base64(`ab${value}yz`),
  "in base64url": (value) => Buffer.from(`key=${value}`).toString("base64url"),
  "in base64, percent-encoded": (value) => encodeURIComponent(base64(value)),
  "in hex": (value) => Buffer.from(value).toString("hex"),
  "in upper-case hex": (value) => Buffer.from(value).toString("hex").toUpperCase(),
  "as bytes that were printed": (value) => JSON.stringify([...Buffer.from(value)]),
  "as a printed Buffer": (value) => [...Buffer.from(value)].map((byte) => hex(byte, 2)).join(" "),
  "in UTF-16": (value) => Buffer.from(value, "utf16le"),
  "in UTF-16, big-endian": (value) => Buffer.from(value, "utf16le").swap16(),
};

const compressions: Readonly<Record<string, readonly [coding: string, pack: (bytes: Buffer) => Buffer]>> = {
  "in gzip": ["gzip", gzipSync],
  "in gzip, twice": ["gzip, gzip", (bytes) => gzipSync(gzipSync(bytes))],
  "in Brotli": ["br", brotliCompressSync],
  "in deflate": ["deflate", deflateSync],
  "in deflate without its header": ["deflate", deflateRawSync],
  "in a compression that was not asked for": ["zstd", (bytes) => (zstdCompressSync ?? gzipSync)(bytes)],
  "in a compression whose name is shouted": ["GZIP", gzipSync],
};

const echoed = (write: (value: string, response: ServerResponse) => void): AttackTable[number][1] => {
  return async (tool) => {
    tool.world.api.answer = ({ headers }, response) => write(String(headers.authorization).slice(7), response);
    await tool.tell(await tool.ask());
  };
};

/** The host of the rule hands back what it was given, written in another way. */
export const echoEncoded: AttackTable = [
  ...Object.entries(encoders).map(([name, encode]) => [name, echoed((value, response) => response.end(encode(value)))] as const),
  ...Object.entries(compressions).map(
    ([name, [coding, pack]]) =>
      [
        name,
        echoed((value, response) => response.writeHead(200, { "content-encoding": coding }).end(pack(Buffer.from(`<${value}>`)))),
      ] as const,
  ),
  ["in base64, in a header", echoed((value, response) => response.writeHead(200, { "x-debug": base64(value) }).end())],
  [
    "in hex, over many chunks",
    echoed(async (value, response) => {
      for (const part of Buffer.from(value)
        .toString("hex")
        .match(/.{1,5}/g) ?? []) {
        response.write(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    }),
  ],
];
