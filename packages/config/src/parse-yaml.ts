import type { Alias, Node, Pair, Scalar } from "yaml";
import { checkKey, type Literal, type Place, sourceError, sourceLimits, type Tree } from "./tree.ts";

/** A tree, how many nodes it has, and how many levels lie below its top. */
interface Built {
  readonly tree: Tree<Literal>;
  readonly nodes: number;
  readonly height: number;
}

const sum = (children: readonly Built[]): Omit<Built, "tree"> => ({
  nodes: children.reduce((total, child) => total + child.nodes, 1),
  height: children.reduce((highest, child) => Math.max(highest, child.height), 0) + 1,
});

/**
 * Parses one YAML 1.2 document of the core schema, with the line of every value. Aliases are shared, never copied, and count as
 * often as they are used.
 *
 * The library's own messages quote the file, where a credential may stand, so only line numbers are taken from them.
 */
export async function parseYaml(text: string, source: string): Promise<Tree<Literal>> {
  const { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const at = (node: { readonly range?: readonly number[] | null } | null | undefined): Place => ({
    source,
    ...(node?.range ? { line: lines.linePos(node.range[0] as number).line } : {}),
  });
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: "core",
    stringKeys: true,
    // Checked below: the library compares every key with every other.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "error",
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) throw sourceError(at({ range: problem.pos }), ...syntaxProblem(problem.code));
  if (document.directives?.yaml.version !== "1.2") {
    throw sourceError({ source, line: 1 }, "this is not YAML 1.2", "Remove the %YAML directive, and write true and false.");
  }

  const { enter } = sourceLimits();
  const anchors = new Map<string, Built | "open">();

  const build = (node: Node | null, depth: number): Built => {
    const place = at(node);
    if (isAlias(node)) return aliased(node, place, depth);
    enter(depth, place);
    const { anchor } = (node ?? {}) as { anchor?: string };
    if (anchor !== undefined) anchors.set(anchor, "open");
    const built = isMap<Scalar, Node>(node)
      ? mapping(node.items, place, depth)
      : isSeq<Node>(node)
        ? sequence(node.items, place, depth)
        : { tree: literal(isScalar(node) ? node : undefined, place), nodes: 1, height: 0 };
    if (anchor !== undefined) anchors.set(anchor, built);
    return built;
  };

  const aliased = (node: Alias, place: Place, depth: number): Built => {
    const known = anchors.get(node.source);
    if (known === undefined)
      throw sourceError(place, "an alias to an anchor that is not there", "Write the &anchor above its *alias.");
    if (known === "open") throw sourceError(place, "an alias that contains itself", "Remove the cycle.");
    enter(depth + known.height, place, known.nodes);
    return known;
  };

  const sequence = (nodes: readonly Node[], place: Place, depth: number): Built => {
    const children = nodes.map((item) => build(item, depth + 1));
    return { ...sum(children), tree: { kind: "list", items: children.map((child) => child.tree), place } };
  };

  const mapping = (pairs: readonly Pair<Scalar, Node>[], place: Place, depth: number): Built => {
    const entries = new Map<string, Tree<Literal>>();
    const children: Built[] = [];
    for (const { key, value } of pairs) {
      const keyPlace = at(key);
      if (!isScalar(key)) throw sourceError(keyPlace, "a key that is not text", "Write the key out.");
      const name = String(key.value);
      checkKey(name, keyPlace);
      if (name === "<<" && key.type === "PLAIN") {
        throw sourceError(keyPlace, "merge keys (<<) are not YAML 1.2", "Write the keys out, or put them into an overlay file.");
      }
      if (entries.has(name)) throw sourceError(keyPlace, "this key stands twice in one mapping", "Keep one of the two.");
      const child = build(value, depth + 1);
      entries.set(name, child.tree);
      children.push(child);
    }
    return { ...sum(children), tree: { kind: "map", entries, place } };
  };

  const literal = (scalar: Scalar | undefined, place: Place): Literal => {
    const value = (scalar?.value ?? null) as Literal["value"];
    if (typeof value === "number" && /^[-+]?\d+$/.test(scalar?.source ?? "") && !Number.isSafeInteger(value)) {
      throw sourceError(place, "a whole number larger than JavaScript holds exactly", "Quote it.");
    }
    return { kind: "literal", value, place };
  };

  const { tree } = build(document.contents as Node | null, 0);
  if (tree.kind === "literal" && tree.value === null) return { kind: "map", entries: new Map(), place: { source } };
  if (tree.kind !== "map") throw sourceError(tree.place, "the top level is no mapping", "Write key: value.");
  return tree;
}

/** What the library's error codes mean for a reader of the file. */
function syntaxProblem(code: string): [message: string, hint: string] {
  if (code === "RESOURCE_EXHAUSTION") return ["nested too deeply", "Flatten it."];
  if (code === "TAG_RESOLVE_FAILED")
    return ["a tag that YAML's core schema does not have", "Remove the !tag, or quote the value."];
  if (code === "MULTIPLE_DOCS")
    return ["more than one document", "Keep one document a file; for another deployment, use an overlay file."];
  if (code === "NON_STRING_KEY") return ["a key that is not text", "Write the key out."];
  return [`not YAML (${code.toLowerCase().replaceAll("_", " ")})`, "Check indentation, brackets and quotes around this line."];
}
