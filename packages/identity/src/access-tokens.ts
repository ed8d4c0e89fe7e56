import type { CallContext } from "@keyhold/core";
import { type HeldCredential, heldCredential } from "./held-credential.ts";

/** A token as its source gives it. */
export interface AccessToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** From when on a new one should be asked for, where the issuer says so; milliseconds since 1970. */
  readonly refreshAt?: number;
}

/**
 * Makes a token, each time it is called, for a scope: `https://vault.azure.net/.default`,
 * `https://www.googleapis.com/auth/cloud-platform`; for an identity token its audience.
 */
export type AccessTokenSource = (scope: string, context: CallContext) => Promise<AccessToken>;

/** Tokens, held for each scope until shortly before they expire, and made once however many wait. */
export interface AccessTokens {
  /** The token to send now. @throws SecretsError `unauthenticated`, or what keeps its issuer from answering. */
  get(scope: string, context: CallContext): Promise<string>;
  /** The server refused this token (401). True: `get` gives another, so try once more. False: the refusal stands. */
  reject(token: string): boolean;
  /** Forgets the tokens. Idempotent. */
  close(): void;
}

/**
 * Holds what a source makes.
 *
 * @example
 * const tokens = heldTokens(async (scope, context) => myOwnSignIn(scope, context.signal));
 */
export function heldTokens(source: AccessTokenSource): AccessTokens {
  const byScope = new Map<string, HeldCredential<string>>();
  let closed = false;
  const heldFor = (scope: string): HeldCredential<string> => {
    const held = heldCredential(async (context) => {
      const { token, ...times } = await source(scope, context);
      return { value: token, ...times };
    });
    byScope.set(scope, held);
    if (closed) held.close();
    return held;
  };
  return Object.freeze({
    get: (scope: string, context: CallContext) => (byScope.get(scope) ?? heldFor(scope)).get(context),
    reject: (token: string) => [...byScope.values()].map((held) => held.reject(token)).every((another) => another),
    close() {
      closed = true;
      for (const held of byScope.values()) held.close();
    },
  });
}
