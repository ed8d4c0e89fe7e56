const inHtml: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
/** All write these four, and each has its own way with the others. */
const htmlWriters: readonly Readonly<Record<string, string>>[] = [
  inHtml,
  ...["&apos;", "&#39;", "&#039;", "&#x27;"].map((quote) => ({ ...inHtml, "'": quote })),
  // Go and its templates, Mustache, Handlebars, Underscore
  { ...inHtml, "'": "&#39;", '"': "&#34;" },
  { ...inHtml, "'": "&#39;", '"': "&#34;", "+": "&#43;" },
  { ...inHtml, "'": "&#39;", "/": "&#x2F;", "=": "&#x3D;", "`": "&#x60;" },
  { ...inHtml, "'": "&#x27;", "=": "&#x3D;", "`": "&#x60;" },
  { ...inHtml, "'": "&#x27;", "`": "&#x60;" },
];

/** What some write as numbers beyond what JSON asks for: Go, Gson, Python, .NET, whoever means it for HTML. */
const jsonWriters: readonly RegExp[] = [/[<>&]/, /[<>&=']/, /[^\x20-\x7e]/u, /[<>&"'+`]|[^\x20-\x7e]/u, /[<>&"'/+=]/];

/** Percent-encoded as RFC 3986 has it, also what `encodeURIComponent` leaves. */
const everyReserved = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** The encodings that answers are searched for, besides compression, which is undone first. `docs/agents.md` lists them. */
const textEncodings: readonly ((value: string) => string)[] = [
  (value) => value,
  encodeURIComponent,
  (value) => encodeURI(value),
  everyReserved,
  (value) => everyReserved(value).replaceAll("%20", "+"),
  (value) => everyReserved(value).replaceAll("%2F", "/"),
  (value) => new URLSearchParams([["", value]]).toString().slice(1),
  (value) => JSON.stringify(value).slice(1, -1),
  (value) => JSON.stringify(JSON.stringify(value)).slice(3, -3),
  (value) => JSON.stringify(value).slice(1, -1).replaceAll("/", "\\/"),
  ...jsonWriters.map((escaped) => (value: string) => inJson(value, escaped)),
  (value) => inJson(value, /[^\x20-\x7e]/u).replaceAll("/", "\\/"),
  ...htmlWriters.map(
    (escapes) => (value: string) => value.replace(/[&<>"'`+/=]/g, (character) => escapes[character] ?? character),
  ),
  escapedUnits,
];

function escapedUnits(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/** In JSON, with `escaped` characters as numbers. */
function inJson(value: string, escaped: RegExp): string {
  return value.replace(/[\s\S]/gu, (character) =>
    escaped.test(character) ? escapedUnits(character) : JSON.stringify(character).slice(1, -1),
  );
}

/** The part of the base64 text that is the same whatever stands before and after the value, `offset` bytes into a group of three. */
function base64Core(bytes: Uint8Array, offset: number): string {
  const start = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  return Buffer.concat([Buffer.alloc(offset), bytes])
    .toString("base64")
    .slice(start, end);
}

const upperCaseEscapes = (text: string) =>
  text.replace(/%[0-9a-f]{2}|\\u[0-9a-f]{4}/gi, (found) => found.slice(0, 2) + found.slice(2).toUpperCase());
const lowerCaseEscapes = (text: string) => text.replace(/%[0-9a-f]{2}/gi, (found) => found.toLowerCase());

/** Every way in which a value may stand in an answer, as bytes, longest first. */
export function encodingsOf(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  const hex = bytes.toString("hex");
  const cores = [0, 1, 2].map((offset) => base64Core(bytes, offset));
  const texts = [
    ...textEncodings.map((encode) => encode(value)).flatMap((text) => [text, upperCaseEscapes(text), lowerCaseEscapes(text)]),
    ...cores.flatMap((core) => [core, core.replaceAll("+", "-").replaceAll("/", "_"), encodeURIComponent(core)]),
    // As bytes are printed: 115,107 and 115, 107 and 73 6b.
    ...[[...bytes].join(","), [...bytes].join(", "), hex.replace(/..(?=.)/g, "$& ")],
    ...[hex, hex.toUpperCase()].flatMap((digits) => [digits, digits.replace(/../g, "%$&"), digits.replace(/../g, "\\x$&")]),
  ];
  const needles = [
    ...texts.map((text) => Buffer.from(text)),
    Buffer.from(value, "latin1"),
    Buffer.from(value, "utf16le"),
    Buffer.from(value, "utf16le").swap16(),
  ];
  const sorted = needles.sort((a, b) => a.length - b.length);
  // What holds another of them is found by that one; but all of it has to go, so only equal ones are dropped.
  return sorted.filter((needle, index) => !sorted.slice(0, index).some((other) => other.equals(needle))).reverse();
}
