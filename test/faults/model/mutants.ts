/** A mistake that caches make, as one edit of one module of the core. */
export interface Mutant {
  readonly name: string;
  readonly module: string;
  readonly replace: string;
  readonly by: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: "no single flight",
    module: "provider-reads.ts",
    replace: "if (!this.#flights.has(target.key)) missing.set(target.key, target);",
    by: "missing.set(target.key, target);",
  },
  {
    name: "stale after 403",
    module: "secret-cache.ts",
    replace: "this.#entries.delete(key);\n      if (this.#settings.negativeMs === 0)",
    by: 'if (error.code !== "permission-denied") this.#entries.delete(key);\n      if (this.#settings.negativeMs === 0)',
  },
  {
    name: "wall clock only",
    module: "hot-time.ts",
    replace: "const further = Math.max(byMonotonic, byWall);",
    by: "const further = byWall;",
  },
  {
    name: "one caller's abort shared",
    module: "flights.ts",
    replace: "if (flight.waiters === 1 && !flight.settled)",
    by: "if (!flight.settled)",
  },
  {
    name: "decoded key",
    module: "secret-cache.ts",
    replace: "const known = held.rare?.fields.get(field);",
    // By what a field's text is, and not by what it is called: "1" and 1 are one entry.
    by: "const text = fieldOf(held.secret, target).text(); const known = [...(held.rare?.fields.values() ?? [])].find((other) => other.text() === text);",
  },
  {
    name: "unbounded",
    module: "secret-cache.ts",
    replace: "max: settings.maxEntries,\n      maxSize: settings.maxBytes,",
    by: "max: 1_000_000,\n      maxSize: Number.MAX_SAFE_INTEGER,",
  },
];

/** The module's source with the mistake in it. @throws Error where its place is not there, or is not the only one. */
export function withMistake(source: string, { module, replace, by }: Mutant): string {
  if (source.split(replace).length !== 2) throw new Error(`${module} does not hold exactly once: ${replace}`);
  return source.replace(replace, () => by);
}
