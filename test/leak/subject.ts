import { createSecrets, type Provider, parseReference, secret } from "@keyhold/core";
import { secretFromContent } from "../../packages/core/src/secret.ts";
import { createNaiveSecrets, NaiveSecret, parseNaiveReference } from "./naive.ts";

/** The four ways in which a secret holds what it holds. */
export const shapes = ["text", "bytes", "fields", "field"] as const;
export type Shape = (typeof shapes)[number];

/**
 * Sinks are handed what they were never made for, and do with it what JavaScript lets them: here a type would only be in the way.
 */
export type Anything = any;

/** What the sinks are tried with: Keyhold, or one of its controls. */
export interface Subject {
  wrap(text: string, shape: Shape): Anything;
  parseReference(text: string): unknown;
  createSecrets(provider: Provider, onEvent?: (event: unknown) => void): Anything;
}

// The byte in front is no UTF-8, so that bytes stay bytes.
// It stands in memory of its own: a Buffer from the shared pool would show up whenever any other is inspected.
const binary = (text: string) => Uint8Array.of(0xff, ...new TextEncoder().encode(text));

function content(text: string, shape: Shape): string | Uint8Array | Record<string, string> {
  if (shape === "bytes") return binary(text);
  return shape === "fields" ? { username: "app", password: text } : text;
}

export const subjects = {
  keyhold: {
    wrap(text, shape) {
      if (shape === "bytes") return secret(binary(text));
      if (shape === "fields") return secretFromContent({ kind: "fields", fields: { username: "app", password: text } }, "7");
      if (shape === "field") return secret(JSON.stringify({ username: "app", password: text })).field("password");
      return secret(text);
    },
    parseReference,
    createSecrets: (provider, onEvent) =>
      createSecrets({ providers: { vault: provider }, cache: { ttlMs: 20 }, ...(onEvent && { onEvent }) }),
  },
  /** The control: a class with a plain field. */
  plain: {
    wrap: (text, shape) => new NaiveSecret(content(text, shape)),
    parseReference: parseNaiveReference,
    createSecrets: createNaiveSecrets,
  },
  /** What programs hold without any class. It shows that each sink can leak at all. */
  bare: { wrap: content, parseReference: parseNaiveReference, createSecrets: createNaiveSecrets },
} satisfies Record<string, Subject>;
