import { isSecretsError, type Secret, type SecretsError } from "@keyhold/core";
import type { ConfigReference } from "./config-reference.ts";
import type { Failed, Fetched, Plan } from "./plan.ts";
import { problemFrom } from "./problem.ts";
import { percentEncode } from "./template.ts";
import type { Literal, Place, Tree } from "./tree.ts";

/** A field with its text, as the schema gets it. */
export interface Filled {
  readonly kind: "filled";
  readonly text: string;
  /** The secret whose text this is, unchanged. */
  readonly secret: Secret | undefined;
  readonly place: Place;
}

/** A field whose reference is optional, and whose value is not there. */
export interface Absent {
  readonly kind: "absent";
  readonly place: Place;
}

export type ResolvedTree = Tree<Literal | Filled | Absent | Failed>;

/** What a read of each whole secret gave. */
export type Found = ReadonlyMap<string, Secret | SecretsError>;

export interface Resolved {
  readonly tree: ResolvedTree;
  readonly errors: readonly SecretsError[];
  /** Every value that was fetched, as its reference names it. */
  readonly secrets: readonly Secret[];
  /** Texts that no output may repeat: fetched, percent-encoded, or part of a fetched document. */
  readonly fetchedTexts: ReadonlySet<string>;
  /** Texts that no message may repeat, beside the fetched ones. */
  readonly defaults: ReadonlySet<string>;
}

/** Puts the values into the plan. What cannot be had becomes an error with its place, and a failed leaf. */
export function resolve(plan: Plan, found: Found): Resolved {
  const errors: SecretsError[] = [];
  const secrets: Secret[] = [];
  const fetchedTexts = new Set<string>();
  const defaults = new Set<string>();

  /** The text of one reference, or undefined where it is optional and not there. */
  const read = (reference: ConfigReference): { text: string; secret?: Secret } | undefined => {
    try {
      const whole = found.get(reference.whole) as Secret | SecretsError;
      if (isSecretsError(whole)) throw whole;
      const secret = reference.field === undefined ? whole : whole.field(reference.field);
      const text = secret.text();
      secrets.push(secret);
      for (const one of textsWithin(text)) fetchedTexts.add(one);
      return { text, secret };
    } catch (error) {
      if (isSecretsError(error, "not-found")) {
        if (reference.optional) return undefined;
        if (reference.fallback !== undefined) {
          defaults.add(reference.fallback);
          return { text: reference.fallback };
        }
      }
      throw error;
    }
  };

  const fill = ({ parts, place, path }: Fetched): Filled | Absent | Failed => {
    let text = "";
    let only: Secret | undefined;
    const problems: SecretsError[] = [];
    for (const part of parts) {
      if (typeof part === "string") {
        text += part;
        continue;
      }
      try {
        const value = read(part.reference);
        if (value === undefined) return { kind: "absent", place };
        const put = part.encode ? percentEncode(value.text) : value.text;
        if (put !== value.text) (value.secret ? fetchedTexts : defaults).add(put);
        text += put;
        only = parts.length === 1 ? value.secret : undefined;
      } catch (error) {
        if (!isSecretsError(error)) throw error;
        problems.push(problemFrom(error, place, path, part.reference.text));
      }
    }
    errors.push(...problems);
    return problems.length > 0 ? { kind: "failed", place } : { kind: "filled", text, secret: only, place };
  };

  const visit = (node: Plan["tree"]): ResolvedTree => {
    if (node.kind === "fetched") return fill(node);
    if (node.kind === "list") return { ...node, items: node.items.map(visit) };
    if (node.kind !== "map") return node;
    return { ...node, entries: new Map([...node.entries].map(([key, child]) => [key, visit(child)] as const)) };
  };

  return { tree: visit(plan.tree), errors, secrets, fetchedTexts, defaults };
}

/** A text, and if it is a JSON document the strings in it: a schema may take it apart. */
function* textsWithin(text: string): Generator<string> {
  if (text === "") return;
  yield text;
  if (!/^\s*[[{"]/.test(text)) return;
  const pending: unknown[] = [];
  try {
    pending.push(JSON.parse(text));
  } catch {
    return;
  }
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === "string" && value !== "") yield value;
    else if (typeof value === "object" && value !== null) for (const child of Object.values(value)) pending.push(child);
  }
}

/** What the schema validates. Fields that are absent or failed are left out. */
export function toInput(node: ResolvedTree): unknown {
  if (node.kind === "literal") return node.value;
  if (node.kind === "filled") return node.text;
  if (node.kind === "list") return node.items.map(toInput);
  if (node.kind !== "map") return undefined;
  const input: Record<string, unknown> = {};
  for (const [key, child] of node.entries) if (child.kind !== "absent" && child.kind !== "failed") input[key] = toInput(child);
  return input;
}
