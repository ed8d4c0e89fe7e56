import { isSecretsError, type Reference, type Secrets, SecretsError } from "@keyhold/core";
import { problemFrom } from "./problem.ts";
import { type Part, parseText } from "./template.ts";
import type { Literal, Place, Tree } from "./tree.ts";

/** A field whose text comes from backends, wholly or in part. */
export interface Fetched {
  readonly kind: "fetched";
  readonly parts: readonly Part[];
  readonly place: Place;
  readonly path: readonly string[];
}

/** A field that is already known to be wrong. */
export interface Failed {
  readonly kind: "failed";
  readonly place: Place;
}

/** The merged configuration with its references found. */
export interface Plan {
  readonly tree: Tree<Literal | Fetched | Failed>;
  readonly fetched: readonly Fetched[];
  /** What is read, each secret once however many fields refer to it. */
  readonly wholes: readonly string[];
  readonly errors: readonly SecretsError[];
}

/** Finds all references in the merged configuration. What is wrong becomes an error with its place, and a failed leaf. */
export function createPlan(
  merged: Tree<Literal>,
  checkProvider: (name: string) => void,
  refusal: (reference: Reference) => string | undefined,
): Plan {
  const fetched: Fetched[] = [];
  const wholes = new Set<string>();
  const errors: SecretsError[] = [];
  const isProvider = (name: string) => {
    try {
      checkProvider(name);
      return true;
    } catch (error) {
      if (isSecretsError(error, "invalid-argument")) return false;
      throw error;
    }
  };

  const leaf = (literal: Literal, path: readonly string[]): Literal | Fetched | Failed => {
    if (typeof literal.value !== "string") return literal;
    const { place } = literal;
    try {
      const parts = parseText(literal.value, isProvider, checkProvider);
      const references = parts.flatMap((part) => (typeof part === "string" ? [] : [part.reference]));
      if (references.length === 0) return { ...literal, value: parts.join("") };
      for (const { parsed, text } of references) {
        const reason = refusal(parsed);
        if (reason === undefined) continue;
        throw new SecretsError("permission-denied", reason, {
          reference: text,
          hint: "Use this deployment's own secret, or change the guard.",
        });
      }
      for (const { whole } of references) wholes.add(whole);
      const found: Fetched = { kind: "fetched", parts, place, path };
      fetched.push(found);
      return found;
    } catch (error) {
      if (!isSecretsError(error) || error.code === "closed") throw error;
      errors.push(problemFrom(error, place, path));
      return { kind: "failed", place };
    }
  };

  const visit = (node: Tree<Literal>, path: readonly string[]): Plan["tree"] => {
    if (node.kind === "literal") return leaf(node, path);
    if (node.kind === "list") return { ...node, items: node.items.map((item, index) => visit(item, [...path, String(index)])) };
    const entries = new Map([...node.entries].map(([key, child]) => [key, visit(child, [...path, key])] as const));
    return { ...node, entries };
  };

  return { tree: visit(merged, []), fetched, wholes: [...wholes], errors };
}

/** A check of provider names against a client: it names the providers that there are. */
export function providerCheck(secrets: Secrets): (name: string) => void {
  const known = new Map<string, SecretsError | undefined>();
  return (name) => {
    if (!known.has(name)) {
      try {
        // Looks at what is held and calls nobody: the client refuses a name that it does not know.
        const reference: string = `${name}://x`;
        secrets.peek(reference);
        known.set(name, undefined);
      } catch (error) {
        if (!isSecretsError(error, "invalid-argument")) throw error;
        known.set(name, error);
      }
    }
    const refusal = known.get(name);
    if (refusal) throw refusal;
  };
}
