import { isSecret, type Secret, type SecretsError } from "@keyhold/core";
import { mentions } from "./mentions.ts";
import { problem } from "./problem.ts";
import type { Resolved, ResolvedTree } from "./resolve.ts";
import { scanObject } from "./scan-object.ts";
import { schemeOf } from "./template.ts";
import { childOf } from "./tree.ts";

export interface OutputRules {
  /** Whether a fetched text may stand at this path as it is. */
  readonly isPlain: (path: readonly string[]) => boolean;
  /** Whether a secret at this path need not be fetched. */
  readonly isLiteral: (path: readonly string[]) => boolean;
  /** Literals that may be secrets wherever they come out: from the environment, or at paths of `literals`. */
  readonly allowedTexts: ReadonlySet<string>;
  /** What to say of a text that starts like a reference, and is none. */
  readonly providersHint: (scheme: string) => string;
}

export interface CheckedOutput {
  /** The output, its plain objects and arrays copied and frozen, its fetched texts replaced by the fetched secrets. */
  readonly value: unknown;
  readonly errors: readonly SecretsError[];
}

/** Shorter texts stand in a configuration by chance. */
const leastScanned = 8;

const plainHint = "Put .transform(secret) on the field it comes from, or list this path in `plain` if it is no secret.";

/** Checks what the schema made: no fetched value comes out as plain text, and no secret comes out that was never fetched. */
export function checkOutput(output: unknown, resolved: Resolved, rules: OutputRules): CheckedOutput {
  const errors: SecretsError[] = [];
  const needles = [...resolved.fetchedTexts].filter((text) => text.length >= leastScanned);
  const hasNeedle = (text: string) => needles.some((needle) => mentions(text, needle));
  /** Containers that are being copied, so that a cycle ends. */
  const open = new Map<object, object>();

  const report = (path: readonly string[], node: ResolvedTree | undefined, message: string, hint: string) => {
    const shown = path.map((segment) => (hasNeedle(segment) ? "…" : segment));
    errors.push(problem(node?.place, shown, "invalid-argument", message, { hint }));
  };
  const reportPlain = (path: readonly string[], node: ResolvedTree | undefined) =>
    report(path, node, "a fetched value comes out as plain text", plainHint);

  const visit = (value: unknown, path: readonly string[], node: ResolvedTree | undefined, isExact: boolean): unknown => {
    if (isSecret(value)) return visitSecret(value, path, node, isExact);
    if (["number", "boolean", "undefined"].includes(typeof value) || value === null) return value;
    if (typeof value === "object" && isContainer(value)) return copy(value, path, node);
    if (rules.isPlain(path)) return value;
    if (node?.kind === "filled") {
      if (typeof value === "string") reportPlain(path, node);
      else
        report(
          path,
          node,
          `a fetched value comes out as a ${typeof value === "object" ? "class instance" : typeof value}`,
          plainHint,
        );
    } else if (typeof value === "string") {
      // A text that the configuration itself holds here is no leak, whatever the backends hold.
      if (!(node?.kind === "literal" && node.value === value) && hasNeedle(value)) reportPlain(path, node);
    } else {
      scanObject(value, hasNeedle, (inner) => void visitSecret(inner, path, node, false)) && reportPlain(path, node);
    }
    return value;
  };

  const visitSecret = (value: Secret, path: readonly string[], node: ResolvedTree | undefined, isExact: boolean): Secret => {
    if (node?.kind === "filled") return isExact && node.secret?.equals(value) ? node.secret : value;
    // A failed field is an error already, whatever the schema put in its place.
    if (node?.kind === "failed" || rules.isLiteral(path)) return value;
    const moved = resolved.secrets.find((fetched) => fetched.equals(value));
    if (moved) return moved;
    const text = textOf(value);
    if (resolved.defaults.has(text) || hasNeedle(text)) return value;
    const scheme = schemeOf(text);
    // user:password@ is in no reference, so such a URL is a value.
    const isMisspelt = scheme !== undefined && !/^[^/?#]*:[^/?#]*@/.test(text.slice(scheme.length + 3));
    if (rules.allowedTexts.has(text) && !isMisspelt) return value;
    if (isMisspelt) {
      report(path, node, "this secret was never fetched: no provider has the name before ://", rules.providersHint(scheme));
    } else {
      report(path, node, "this secret was never fetched", "Put a reference in its place, or list this path in `literals`.");
    }
    return value;
  };

  const copy = (value: object, path: readonly string[], node: ResolvedTree | undefined): object => {
    const known = open.get(value);
    if (known) return known;
    const made: object = Array.isArray(value) ? new Array(value.length) : Object.create(Object.getPrototypeOf(value));
    open.set(value, made);
    for (const key of Reflect.ownKeys(value)) {
      if (!Object.prototype.propertyIsEnumerable.call(value, key)) continue;
      const name = typeof key === "symbol" ? (key.description ?? "") : key;
      const below = node?.kind === "filled" ? node : node && childOf(node, name);
      const inner = [...path, name];
      if (hasNeedle(name) && !rules.isPlain(path)) report(path, node, "a fetched value comes out as a key", plainHint);
      const child = visit((value as Record<PropertyKey, unknown>)[key], inner, below, node?.kind !== "filled");
      Object.defineProperty(made, key, { value: child, enumerable: true, configurable: true, writable: true });
    }
    open.delete(value);
    return Object.freeze(made);
  };

  return { value: visit(output, [], resolved.tree, true), errors };
}

function isContainer(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function textOf(secret: Secret): string {
  try {
    return secret.text();
  } catch {
    return "";
  }
}
