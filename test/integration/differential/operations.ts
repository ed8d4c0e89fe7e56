import fc from "fast-check";

/** `right`: with the version that is current, or none where there is none. `wrong`: with another. */
export type Condition = "none" | "right" | "wrong";

/** One step, in words that every backend understands. `pick` chooses among versions that only the run knows. */
export type Operation =
  | { readonly kind: "write"; readonly name: string; readonly value: string | Uint8Array; readonly condition: Condition }
  | { readonly kind: "read"; readonly name: string }
  | { readonly kind: "read-version"; readonly name: string; readonly pick: number }
  | { readonly kind: "versions"; readonly name: string }
  | { readonly kind: "list"; readonly prefix: string }
  | { readonly kind: "remove"; readonly name: string };

const root = "differential";
/** Written so often that every limit on versions is met, and never removed. */
const busiest = `${root}/busiest`;
/** Not every backend takes these. */
const unusual = [`${root}/with space`, `${root}/ключ`, `${root}/under_score`, `${root}/dot.ted`, `${root}/plus+at@`];
const ordinary = (index: number) => `${root}/team-${index % 3}/key-${index}`;

const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<string | Uint8Array>("hunter2", "", " ", '{"user":"app","password":"p@ss/#"}') },
  { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constant("long".repeat(1_000)) },
);

const step = fc.record({
  kind: fc.constantFrom<Operation["kind"]>(
    ...(["write", "write", "write", "write", "write", "read", "read", "read-version", "versions", "list", "remove"] as const),
  ),
  place: fc.nat({ max: 99 }),
  pick: fc.nat({ max: 1_000 }),
  value,
  condition: fc.constantFrom<Condition>("none", "none", "none", "right", "wrong"),
});

/**
 * The same operations for the same seed. Names wander slowly, as a removed one may be gone for good: most steps hit one of six, each
 * of which is left behind in time.
 */
function operations(seed: number, count: number): readonly Operation[] {
  return fc.sample(step, { seed, numRuns: count }).map(({ kind, place, pick, value, condition }, index): Operation => {
    const near = ordinary(Math.floor(index / 15) + (place % 6));
    const name = place < 25 ? busiest : place < 35 ? (unusual[place % unusual.length] as string) : near;
    if (kind === "list") return { kind, prefix: name.slice(0, root.length + (pick % (name.length - root.length + 1))) };
    if (kind === "write") return { kind, name, value, condition };
    if (kind === "read-version") return { kind, name, pick };
    return { kind, name: kind === "remove" && name === busiest ? near : name };
  });
}

/** Another seed finds other things. */
export const seed = 20_260_101;
/** What every provider is put through: 60 operations, or 500 with KEYHOLD_SLOW. */
export const sharedOperations = (count: number = process.env.KEYHOLD_SLOW ? 500 : 60): readonly Operation[] =>
  operations(seed, count);
