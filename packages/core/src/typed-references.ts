import type { SecretsError } from "./errors.ts";
import type { Secret } from "./secret.ts";

/** Any reference to one of the providers named `N`. */
export type ReferenceTo<N extends string> = N extends string ? `${N}://${string}` : never;

/** A literal must name a known provider; a `string` that is only known at run time passes. */
export type CheckedReference<R, N extends string> = string extends R ? R : R extends ReferenceTo<N> ? R : ReferenceTo<N>;

/** An array or record of references, each element checked, so that the compiler's error stands on the one that is wrong. */
export type CheckedReferences<R, N extends string> = { readonly [K in keyof R]: CheckedReference<R[K], N> };

/** What one reference gives under these options. */
export type Found<O> = O extends { settle: true }
  ? (O extends { optional: true } ? Secret | undefined : Secret) | SecretsError
  : O extends { optional: true }
    ? Secret | undefined
    : Secret;

/** What `getMany` gives: the shape that went in. */
export type SecretsFor<R, O = {}> = { -readonly [K in keyof R]: Found<O> };
