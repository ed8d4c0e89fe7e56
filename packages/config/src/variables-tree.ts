import { checkKey, type Literal, type MapNode, type Place, sourceError, sourceLimits, type Tree } from "./tree.ts";

export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly place: Place;
}

/** `POOL_SIZE` is `poolSize`. */
const camelCase = (words: string): string =>
  words.toLowerCase().replace(/(?<=[^_])_+([^_])/g, (_all, letter: string) => letter.toUpperCase());

/** The path that a variable's name stands for: `DATABASE__POOL_SIZE` is `database.poolSize`. */
function pathOf(variable: Variable, prefix: string): string[] {
  const segments = variable.name.slice(prefix.length).split("__").map(camelCase);
  if (segments.some((segment) => segment === "")) {
    throw sourceError(
      variable.place,
      "this variable's name gives no path",
      "Write words with _ between them and __ between levels.",
    );
  }
  for (const segment of segments) checkKey(segment, variable.place);
  return segments;
}

/** Configuration from variables whose names start with `prefix`. */
export function variablesTree(
  variables: readonly Variable[],
  prefix: string,
  place: Place,
  literal: Partial<Literal> = {},
): MapNode<Literal> {
  const root = new Map<string, Tree<Literal>>();
  const { enter } = sourceLimits();
  for (const variable of variables) {
    if (!variable.name.startsWith(prefix)) continue;
    const path = pathOf(variable, prefix);
    enter(path.length, variable.place);
    let entries = root;
    for (const segment of path.slice(0, -1)) {
      const child = entries.get(segment) ?? { kind: "map", entries: new Map(), place: variable.place };
      if (child.kind !== "map") throw conflict(variable, child.place);
      entries.set(segment, child);
      entries = child.entries as Map<string, Tree<Literal>>;
    }
    const last = path.at(-1) as string;
    const taken = entries.get(last);
    if (taken !== undefined) throw conflict(variable, taken.place);
    entries.set(last, { ...literal, kind: "literal", value: variable.value, place: variable.place });
  }
  return { kind: "map", entries: root, place };
}

const conflict = (variable: Variable, other: Place) =>
  sourceError(variable.place, `it sets the same path as ${other.source}`, "Keep one of the two variables.");
