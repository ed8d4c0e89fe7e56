import type { ResolvedTree } from "./resolve.ts";
import { childOf } from "./tree.ts";

/** Where a path leads in the configuration. */
export interface Spot {
  /** The last node that exists on it. */
  readonly node: ResolvedTree;
  /** The part of the path that exists. Its names come from the sources. */
  readonly known: readonly string[];
  /** The part that does not. Its names come from the schema, or from a value that a transform took apart. */
  readonly rest: readonly string[];
}

export function spotOf(tree: ResolvedTree, path: readonly string[]): Spot {
  let node = tree;
  for (const [index, key] of path.entries()) {
    const child = childOf(node, key);
    if (child === undefined) return { node, known: path.slice(0, index), rest: path.slice(index) };
    node = child;
  }
  return { node, known: path, rest: [] };
}

/** The path as messages may show it. */
export function shownPath({ known, rest }: Spot, isSafe: (text: string) => boolean): readonly string[] {
  return [...known, ...rest.map((segment) => (isSafe(segment) ? segment : "…"))];
}
