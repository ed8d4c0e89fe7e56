import type { Source } from "./source.ts";
import { checkKey, type Literal, type Place, type Scalar, sourceError, sourceLimits, type Tree } from "./tree.ts";

/**
 * Configuration from a plain object: what JSON can hold. A property that is `undefined` is left out.
 *
 * `loadConfig` fails with `invalid-argument` for functions, class instances, bigints, and anything cyclic or enormous.
 *
 * @example
 * fromObject({ openai: { apiKey: "aws://prod/openai#apiKey" } })
 */
export function fromObject(object: Readonly<Record<string, unknown>>): Source {
  return { read: async () => [objectTree(object)] };
}

const place: Place = { source: "object" };

function objectTree(root: unknown): Tree<Literal> {
  const { enter } = sourceLimits();
  const build = (value: unknown, depth: number): Tree<Literal> => {
    enter(depth, place);
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) {
      return { kind: "literal", value: value as Scalar, place };
    }
    if (Array.isArray(value)) return { kind: "list", items: value.map((item) => build(item, depth + 1)), place };
    if (typeof value === "object" && isPlain(value)) {
      const entries = new Map<string, Tree<Literal>>();
      for (const [key, child] of Object.entries(value)) {
        checkKey(key, place);
        if (child !== undefined) entries.set(key, build(child, depth + 1));
      }
      return { kind: "map", entries, place };
    }
    throw sourceError(
      place,
      "fromObject takes what JSON can hold",
      "Give strings, numbers, booleans, null, arrays and plain objects.",
    );
  };
  const tree = build(root, 0);
  if (tree.kind !== "map") throw sourceError(place, "fromObject takes an object", "Give a plain object.");
  return tree;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
