import { isSecretsError } from "@keyhold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoreDocument } from "../src/store-document.ts";
import { decodeDocument, encodeDocument } from "../src/store-format.ts";

const runs = Number(process.env.KEYHOLD_RUNS ?? 500);
const name = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("__proto__", "constructor", "", "a/b", "\ud800"));
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const optional = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((one) => (one === undefined ? {} : { [key]: one }));
const version = fc
  .tuple(
    fc.record({ version: name, createdAt: time, value: fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array()) }),
    optional(
      "labels",
      fc.dictionary(fc.string(), fc.string()).map((labels) => ({ ...labels })),
    ),
    optional("contentType", fc.string()),
    optional("idempotencyKey", fc.string()),
    optional("removedAt", time),
  )
  .map(
    (parts) =>
      Object.assign({}, ...parts) as StoreDocument extends { secrets: ReadonlyMap<string, { versions: readonly (infer V)[] }> }
        ? V
        : never,
  );
const document: fc.Arbitrary<StoreDocument> = fc.record({
  recipients: fc.array(fc.string()),
  lastVersion: fc.nat(),
  secrets: fc
    .array(fc.tuple(name, fc.record({ createdAt: time, versions: fc.array(version, { minLength: 1, maxLength: 3 }) })), {
      maxLength: 4,
    })
    .map((entries) => new Map(entries)),
});

describe("the format of a store", () => {
  it("keeps every document as it is, whatever the names and values", () => {
    fc.assert(
      fc.property(document, (made) => {
        const read = decodeDocument(encodeDocument(made));
        expect(read).toEqual(made);
        expect([...read.secrets.keys()].sort()).toEqual([...made.secrets.keys()].sort());
      }),
      { numRuns: runs },
    );
    expect(({} as Record<string, unknown>).versions).toBeUndefined();
  });

  it("refuses anything else by a typed error that repeats none of it", () => {
    const canary = "C4N4RY-in-the-text";
    const good = JSON.parse(
      encodeDocument({
        recipients: ["age1"],
        lastVersion: 1,
        secrets: new Map([
          ["db", { createdAt: 1, versions: [{ version: "1", createdAt: 1, value: canary, labels: { a: canary } }] }],
        ]),
      }),
    );
    const spots = ["format", "formatVersion", "recipients", "lastVersion", "secrets"];
    const inner = [
      "createdAt",
      "versions",
      "versions.0.version",
      "versions.0.createdAt",
      "versions.0.value",
      "versions.0.labels",
    ];
    const spoil = (spot: string, junk: unknown): string => {
      const copy = structuredClone(good);
      const keys = spots.includes(spot) ? [spot] : ["secrets", "db", ...spot.split(".")];
      let at = copy;
      for (const key of keys.slice(0, -1)) at = at[key];
      at[keys.at(-1)!] = junk;
      return JSON.stringify(copy);
    };
    // One value that fits no place at all.
    const junk = fc.constantFrom(null, true, -1, 0.5, [canary, 1], { a: 1 });
    fc.assert(
      fc.property(fc.constantFrom(...spots, ...inner), junk, fc.nat(), (spot, wrong, cut) => {
        for (const text of [spoil(spot, wrong), JSON.stringify(good).slice(0, -1 - (cut % 200)), `${canary}${cut}`]) {
          try {
            decodeDocument(text);
            expect.unreachable(`accepted ${spot} ${JSON.stringify(wrong)}`);
          } catch (error) {
            expect(isSecretsError(error, "decode")).toBe(true);
            expect(JSON.stringify(error)).not.toContain(canary);
          }
        }
      }),
      { numRuns: runs },
    );
  });
});
