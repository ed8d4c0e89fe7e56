import { SecretsError } from "@keyhold/core";

/** Where a value stands: a file, `object`, or an environment variable with a `$` before its name. */
export interface Place {
  readonly source: string;
  readonly line?: number;
}

export type Scalar = string | number | boolean | null;

/** A scalar as a source gives it. */
export interface Literal {
  readonly kind: "literal";
  readonly value: Scalar;
  readonly place: Place;
  /** It came from the process environment, where a literal credential is allowed. */
  readonly fromEnvironment?: boolean;
}

export interface ListNode<Leaf> {
  readonly kind: "list";
  readonly items: readonly Tree<Leaf>[];
  readonly place: Place;
}

/** Entries are a `Map`, so that no key reaches a prototype. */
export interface MapNode<Leaf> {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Tree<Leaf>>;
  readonly place: Place;
}

/** Configuration with the places of its values. What its leaves are depends on how far loading has come. */
export type Tree<Leaf> = Leaf | ListNode<Leaf> | MapNode<Leaf>;

type AnyNode = { readonly kind: string; readonly place: Place };

/** What lies one step down, or undefined. */
export function childOf<Leaf extends AnyNode>(node: Tree<Leaf>, key: string): Tree<Leaf> | undefined {
  const branch = node as ListNode<Leaf> | MapNode<Leaf> | { readonly kind: "" };
  if (branch.kind === "map") return branch.entries.get(key);
  if (branch.kind === "list") return /^(0|[1-9]\d*)$/.test(key) ? branch.items[Number(key)] : undefined;
  return undefined;
}

/** The leaves at and below a node. */
export function* leavesOf<Leaf extends AnyNode>(node: Tree<Leaf>): Generator<Leaf> {
  const branch = node as ListNode<Leaf> | MapNode<Leaf> | { readonly kind: "" };
  if (branch.kind === "map") for (const child of branch.entries.values()) yield* leavesOf(child);
  else if (branch.kind === "list") for (const child of branch.items) yield* leavesOf(child);
  else yield node as Leaf;
}

/** Lays `over` over `under`: maps key by key, anything else replaces. */
export function merge<Leaf extends AnyNode>(under: Tree<Leaf>, over: Tree<Leaf>): Tree<Leaf> {
  const [below, above] = [under, over] as (MapNode<Leaf> | { readonly kind: "" })[];
  if (below?.kind !== "map" || above?.kind !== "map") return over;
  const entries = new Map(below.entries);
  for (const [key, child] of above.entries) {
    const existing = entries.get(key);
    entries.set(key, existing === undefined ? child : merge(existing, child));
  }
  return { ...below, entries };
}

export const placeText = ({ source, line }: Place): string => (line === undefined ? source : `${source}:${line}`);

/** A path as users write it in `plain` and `literals`: `servers.0.key`. A segment that would be ambiguous is quoted as JSON. */
export const pathText = (path: readonly string[]): string =>
  path.map((segment) => (/^[^\s."\p{Cc}]+$/u.test(segment) ? segment : JSON.stringify(segment))).join(".");

/** What is wrong in a source before any schema sees it. */
export function sourceError(place: Place, message: string, hint: string): SecretsError {
  return new SecretsError("invalid-argument", `${placeText(place)}: invalid-argument: ${message}`, { hint });
}

const limits = { depth: 64, nodes: 100_000 };

/** Counts what one source gives, so that nothing cyclic or enormous comes through. Aliases count as often as they are used. */
export function sourceLimits(): { enter(depth: number, place: Place, nodes?: number): void } {
  let nodes = 0;
  return {
    enter(depth, place, added = 1) {
      nodes += added;
      if (depth > limits.depth) {
        throw sourceError(
          place,
          `nested deeper than ${limits.depth} levels`,
          "Flatten it. An alias or object that contains itself is refused too.",
        );
      }
      if (nodes > limits.nodes) {
        throw sourceError(
          place,
          `more than ${limits.nodes} values`,
          "Keep data out of the configuration, and check its aliases: each use counts.",
        );
      }
    },
  };
}

/** @throws SecretsError `invalid-argument` for a key that would reach an object's prototype. */
export function checkKey(key: string, place: Place): void {
  if (key === "__proto__") throw sourceError(place, "__proto__ is no key", "Rename the key.");
}
