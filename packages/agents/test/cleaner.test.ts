import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanText, createCleaner, mark } from "../src/cleaner.ts";
import { encodingsOf } from "../src/encodings.ts";
import { createUsedValues } from "../src/used-values.ts";

const text = (bytes: readonly Uint8Array[]) => Buffer.concat(bytes).toString("latin1");

function cleanIn(parts: readonly Uint8Array[], needles: readonly Uint8Array[]): string {
  const cleaner = createCleaner(() => needles);
  return text([...parts.map((part) => cleaner.push(part)), cleaner.end()]);
}

/** The control: each chunk for itself. */
function cleanNaively(parts: readonly Uint8Array[], needles: readonly Uint8Array[]): string {
  return parts.map((part) => needles.reduce((all, needle) => all.replaceAll(text([needle]), mark), text([part]))).join("");
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((at) => at % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
}

// Few letters, so that values overlap with themselves and with what stands around them.
const few = (least: number, most: number) => fc.stringMatching(new RegExp(`^[ab]{${least},${most}}$`));
const runs = Number(process.env.KEYHOLD_RUNS ?? 500);

describe("the cleaner", () => {
  it("finds a value however the stream is cut, where a naive one does not", () => {
    let naiveLeaks = 0;
    fc.assert(
      fc.property(few(6, 9), few(0, 30), few(0, 30), fc.array(fc.nat(), { maxLength: 6 }), (value, before, after, cuts) => {
        const needles = [Buffer.from(value)];
        const parts = cut(Buffer.from(before + value + after), cuts);
        expect(cleanIn(parts, needles)).not.toContain(value);
        if (cleanNaively(parts, needles).includes(value)) naiveLeaks += 1;
        // The two agree on what is clean, whichever way it came.
        expect(cleanIn(parts, needles).replaceAll(mark, "")).toBe(
          cleanText(before + value + after, needles).replaceAll(mark, ""),
        );
      }),
      { numRuns: runs },
    );
    console.log(`cleaner: ${runs} streams, 0 values left; a naive one leaves whole values in ${naiveLeaks} chunks`);
  });

  it("leaves everything else as it is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 6 }), (bytes, cuts) => {
        expect(cleanIn(cut(Buffer.from(bytes), cuts), [Buffer.from("no such value")])).toBe(
          Buffer.from(bytes).toString("latin1"),
        );
      }),
      { numRuns: runs },
    );
  });

  it("holds back no more than what may be the beginning of a value", () => {
    const cleaner = createCleaner(() => [Buffer.from("secret-value")]);
    expect(text([cleaner.push(Buffer.from("data: hello\n\n"))])).toBe("data: hello\n\n");
    expect(text([cleaner.push(Buffer.from("data: sec"))])).toBe("data: ");
    expect(text([cleaner.push(Buffer.from("tion"))])).toBe("section");
  });

  it("finds a value in base64 whatever stands around it, and in every other encoding that is listed", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6, unit: "grapheme" }), fc.nat(5), fc.nat(5), (value, before, after) => {
        fc.pre(value.isWellFormed() && Buffer.byteLength(value) >= 6);
        const needles = encodingsOf(value).filter((needle) => needle.length >= 6);
        const padded = Buffer.concat([Buffer.alloc(before, 1), Buffer.from(value), Buffer.alloc(after, 2)]);
        const hex = Buffer.from(value).toString("hex");
        const written = [
          padded.toString("base64"),
          padded.toString("base64url"),
          hex,
          hex.toUpperCase(),
          Buffer.from(encodeURIComponent(value)).toString("latin1"),
          Buffer.from(JSON.stringify({ value })).toString("latin1"),
          Buffer.from(value, "utf16le").toString("latin1"),
        ];
        for (const one of written) expect(cleanText(one, needles)).toContain(mark);
      }),
      { numRuns: runs },
    );
  });

  it.each<[writer: string, escapes: Readonly<Record<string, string>>]>([
    ["Python, React", { "'": "&#x27;" }],
    ["PHP", { "'": "&#039;" }],
    ["XML", { "'": "&apos;" }],
    ["Lodash", { "'": "&#39;" }],
    ["Go", { "'": "&#39;", '"': "&#34;" }],
    ["Go's templates", { "'": "&#39;", '"': "&#34;", "+": "&#43;" }],
    ["Mustache", { "'": "&#39;", "/": "&#x2F;", "=": "&#x3D;", "`": "&#x60;" }],
    ["Handlebars", { "'": "&#x27;", "=": "&#x3D;", "`": "&#x60;" }],
    ["Underscore", { "'": "&#x27;", "`": "&#x60;" }],
  ])("finds a value in HTML as %s writes it", (_writer, escapes) => {
    const value = "a'key+with/many=\"signs`&<in>it";
    const all: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", ...escapes };
    const written = [...value].map((character) => all[character] ?? character).join("");
    expect(cleanText(`<p>${written}</p>`, encodingsOf(value))).toBe(`<p>${mark}</p>`);
  });
});

describe("a value in a URL is found", () => {
  const value = "it's (a) *long* key/with~marks!";
  it.each([
    ["as RFC 3986 and PHP have it", "it%27s%20%28a%29%20%2Along%2A%20key%2Fwith~marks%21"],
    ["in a query of Go's or Python's", "it%27s+%28a%29+%2Along%2A+key%2Fwith~marks%21"],
    ["in a path of Python's", "it%27s%20%28a%29%20%2Along%2A%20key/with~marks%21"],
    ["in a form of Java's", "it%27s+%28a%29+*long*+key%2Fwith%7Emarks%21"],
    ["in lower case", "it%27s%20%28a%29%20%2along%2a%20key%2fwith~marks%21"],
  ])("%s", (_how, written) => {
    expect(cleanText(`/?q=${written}&b`, encodingsOf(value))).toBe(`/?q=${mark}&b`);
  });
});

describe("a value in JSON is found", () => {
  const value = "k'/+=&<\"\\\u00e9\u{1f511}>==";
  it.each([
    ["as Go writes it", `k'/+=\\u0026\\u003c\\"\\\\\u00e9\u{1f511}\\u003e==`],
    ["as Gson writes it", `k\\u0027/+\\u003d\\u0026\\u003c\\"\\\\\u00e9\u{1f511}\\u003e\\u003d\\u003d`],
    ["as Python writes it", `k'/+=&<\\"\\\\\\u00e9\\ud83d\\udd11>==`],
    ["as PHP writes it", `k'\\/+=&<\\"\\\\\\u00e9\\ud83d\\udd11>==`],
    ["as .NET writes it", `k\\u0027/\\u002B=\\u0026\\u003C\\u0022\\\\\\u00E9\\uD83D\\uDD11\\u003E==`],
  ])("%s", (_how, written) => {
    expect(JSON.parse(`"${written}"`)).toBe(value);
    const bytes = Buffer.from(`{"a":"${written}"}`).toString("latin1");
    expect(cleanText(bytes, encodingsOf(value))).toBe(`{"a":"${mark}"}`);
  });
});

describe("what is searched for", () => {
  it("are the values that were used last, however early one of them was used first", () => {
    const used = createUsedValues();
    const numbered = (index: number) => `value-number-${String(index).padStart(3, "0")}`;
    for (let index = 0; index < 256; index += 1) used.add(numbered(index), "test://key");
    used.add(numbered(0), "test://key");
    used.add(numbered(256), "test://key");
    expect(cleanText(numbered(0), used.needles())).toBe(mark);
    expect(cleanText(numbered(1), used.needles())).toBe(numbered(1));
  });
});
