import { isSecret, type Secret, type SecretsError } from "@keyhold/core";
import { mentions } from "./mentions.ts";
import { problem } from "./problem.ts";
import type { Resolved, ResolvedTree } from "./resolve.ts";
import { scanObject } from "./scan-object.ts";
import { shownPath, spotOf } from "./spot.ts";
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

  const isSafe = (text: string) => ![...resolved.fetchedTexts, ...resolved.defaults].some((value) => mentions(text, value));
  const report = (path: readonly string[], message: string, hint = plainHint) => {
    const spot = spotOf(resolved.tree, path);
    const place = spot.rest.length === 0 || spot.node.kind === "filled" ? spot.node.place : undefined;
    errors.push(problem(place, shownPath(spot, isSafe), "invalid-argument", message, { hint }));
  };

  const visit = (value: unknown, path: readonly string[], node: ResolvedTree | undefined, isExact: boolean): unknown => {
    if (isSecret(value)) return visitSecret(value, path, node, isExact);
    if (["number", "boolean", "undefined"].includes(typeof value) || value === null) return value;
    if (typeof value === "object" && isContainer(value)) return copy(value, path, node);
    if (!rules.isPlain(path) && isLeak(value, path, node)) {
      const kind = typeof value === "string" ? "plain text" : `a ${typeof value === "object" ? "class instance" : typeof value}`;
      report(path, `a fetched value comes out as ${kind}`);
    }
    return value;
  };

  /** Whether anything but numbers, booleans, secrets and containers of them gives a fetched value away. */
  const isLeak = (value: unknown, path: readonly string[], node: ResolvedTree | undefined): boolean => {
    if (node?.kind === "filled") return true;
    if (typeof value !== "string") return scanObject(value, hasNeedle, (inner) => void visitSecret(inner, path, node, false));
    // A text that the configuration itself holds here is no leak, whatever the backends hold.
    return hasNeedle(value) && !(node?.kind === "literal" && node.value === value);
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
      report(path, "this secret was never fetched: no provider has the name before ://", rules.providersHint(scheme));
    } else {
      report(path, "this secret was never fetched", "Put a reference in its place, or list this path in `literals`.");
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
      const isBelow = node?.kind === "filled";
      const isNamed = hasNeedle(name) || (isBelow && mentions(name, node.text));
      if (isNamed && !rules.isPlain(path)) report(path, "a fetched value comes out as a key");
      const inner = (value as Record<PropertyKey, unknown>)[key];
      const child = visit(inner, [...path, name], isBelow ? node : node && childOf(node, name), !isBelow);
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
