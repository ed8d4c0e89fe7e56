import type { SecretsError, StandardIssue } from "@keyhold/core";
import { quotes, sharesText } from "./mentions.ts";
import { problem } from "./problem.ts";
import type { Resolved, ResolvedTree } from "./resolve.ts";
import { shownPath, spotOf } from "./spot.ts";
import { childOf, leavesOf, pathText } from "./tree.ts";

const withheld = "The schema's own words are withheld, because they may quote a value.";

/** A literal that is longer than what stands in messages by chance. */
const mayBeSecret = (literal: string) => literal.length > 3;

/** Copied, because arktype's arrays make more of their own kind in `map`. */
const pathOf = (issue: StandardIssue): readonly string[] =>
  Array.from(issue.path ?? [], (segment) => String(typeof segment === "object" && segment !== null ? segment.key : segment));

/** The library's own word for what is wrong, such as `invalid_format`. */
function issueCode(issue: StandardIssue, isSafe: (text: string) => boolean): string {
  const { code, type } = issue as { readonly code?: unknown; readonly type?: unknown };
  const word = code ?? type;
  return typeof word === "string" && /^[a-z][a-z_]{0,31}$/i.test(word) && isSafe(word) ? ` (${word})` : "";
}

/**
 * The problems that a schema found, without anything that could be a value: libraries quote input in messages, in paths, and in
 * the names of unknown keys. At, above and below a fetched field there is the path and the library's code; elsewhere its message,
 * unless it repeats something of a value.
 *
 * @param secretTexts literals that may be credentials: no message may repeat them either.
 */
export function schemaProblems(
  issues: readonly StandardIssue[],
  { tree, fetchedTexts, defaults }: Resolved,
  secretTexts: ReadonlySet<string>,
): readonly SecretsError[] {
  const values = [...fetchedTexts, ...defaults];
  const literals = [...secretTexts].filter(mayBeSecret);
  const isSafe = (text: string) =>
    !values.some((value) => sharesText(text, value)) && !literals.some((literal) => quotes(text, literal));

  const describe = (issue: StandardIssue): SecretsError | undefined => {
    const spot = spotOf(tree, pathOf(issue));
    const { node, known, rest } = spot;
    const leaves = [...leavesOf(node)];
    // What a failed field does to the schema is no news.
    if (rest.length === 0 ? leaves.some((leaf) => leaf.kind === "failed") : node.kind === "failed") return undefined;
    const code = issueCode(issue, isSafe);
    const tell = (message: string, hint?: string, path = known) =>
      problem(node.place, path, "invalid-argument", message, hint === undefined ? {} : { hint });

    if (node.kind === "filled") {
      return tell(
        `the fetched value does not fit the schema${code}`,
        `Check what the backend holds, and the schema. ${withheld}`,
      );
    }
    if (node.kind === "absent") return tell(`the optional reference was not found, and the schema needs a value${code}`);
    if (rest.length > 0) {
      const hint = "Add it to a source, or give it a default in the schema.";
      return tell(`no source gives what the schema needs${code}`, hint, shownPath(spot, isSafe));
    }
    const unknown = unknownKeys(issue, node);
    if (unknown !== "") return tell(`unknown keys: ${unknown}${code}`, "Remove them, or add them to the schema.");
    if (leaves.some((leaf) => leaf.kind === "filled")) {
      return tell(`it does not fit the schema, and has fetched values in it${code}`, withheld);
    }
    const message = String(issue.message)
      .replace(/[\s\p{Cc}]+/gu, " ")
      .slice(0, 300);
    const own = leaves.flatMap((leaf) => (leaf.kind === "literal" && typeof leaf.value === "string" ? [leaf.value] : []));
    const isQuiet = isSafe(message) && !own.some((text) => mayBeSecret(text) && quotes(message, text));
    return isQuiet ? tell(message) : tell(`it does not fit the schema${code}`, withheld);
  };

  const found = Array.from(issues, describe).filter((error) => error !== undefined);
  const hasFailed = [...leavesOf(tree)].some((leaf) => leaf.kind === "failed");
  return found.length > 0 || hasFailed ? found : [problem(undefined, [], "invalid-argument", "it does not fit the schema")];
}

/** The keys that zod does not know, if they really stand in the configuration. */
function unknownKeys(issue: StandardIssue, node: ResolvedTree): string {
  const { keys } = issue as { readonly keys?: unknown };
  if (!Array.isArray(keys)) return "";
  const known = keys.filter((key) => typeof key === "string" && childOf(node, key) !== undefined);
  return known.map((key) => pathText([key])).join(", ");
}
