import type { JsonWebKey } from "node:crypto";
import { type Rotator, type Secret, SecretsError } from "@keyhold/core";
import { checkKeyPair, type KeyPairOptions, makeKeyPair, thumbprint } from "./key-pair.ts";

export type JwksOptions = KeyPairOptions & {
  /** How many keys stay published after they have signed. Default: 1. At least as many rotations as a token lives. */
  readonly retired?: number;
};

/** A private key in a set: the first signs, the second is published and signs next, the others have signed before. */
export type SigningKey = JsonWebKey & { readonly kid: string; readonly alg: string; readonly use: "sig" };

const algorithms = new Map([
  ["P-256", "ES256"],
  ["P-384", "ES384"],
  ["P-521", "ES512"],
]);

/**
 * Keys that sign JSON web tokens, as a set with overlap. Each key is published one rotation before it signs and stays published after
 * it has signed: whoever verifies by a copy of the public set that is no older than one rotation knows every key.
 *
 * The secret is `{ keys: [signing, next, …retired] }`, all private. `publicJwks` is what to publish, `signingKey` what to sign with.
 *
 * @example
 * await secrets.rotate("aws://prod/jwt-keys", jwks({ type: "ec" }));
 * response.json(publicJwks(await secrets.get("aws://prod/jwt-keys")));
 */
export function jwks(options: JwksOptions = {}): Rotator {
  const { retired = 1 } = options;
  checkKeyPair(options);
  if (!Number.isInteger(retired) || retired < 1) throw new SecretsError("invalid-argument", "retired is a whole number from 1");
  return {
    kind: "jwks",
    async create({ current }) {
      const [signing, next, ...before] = isKeySet(current) ? keysOf(current) : [];
      const made = await makeKey(options);
      if (signing === undefined) return { keys: [await makeKey(options), made] };
      // A set of one key: that one goes on until the new one has been published for a while.
      if (next === undefined) return { keys: [signing, made] };
      return { keys: [next, made, signing, ...before].slice(0, 2 + retired) };
    },
  };
}

async function makeKey(options: KeyPairOptions): Promise<SigningKey> {
  const { privateKey } = await makeKeyPair(options);
  const key = privateKey.export({ format: "jwk" });
  const alg = key.kty === "RSA" ? "RS256" : (algorithms.get(key.crv ?? "") ?? "EdDSA");
  return { ...key, kid: thumbprint(key), alg, use: "sig" };
}

function isKeySet(secret: Secret): boolean {
  try {
    return keysOf(secret).length > 0;
  } catch {
    return false;
  }
}

function keysOf(secret: Secret): readonly SigningKey[] {
  const { keys } = (secret.json() ?? {}) as { readonly keys?: unknown };
  if (Array.isArray(keys) && keys.every((key) => typeof key?.kid === "string" && typeof key.kty === "string")) return keys;
  throw new SecretsError("decode", "this secret is no set of keys", {
    hint: "It is { keys: [...] }, as the rotator jwks makes it.",
  });
}

/** The key to sign with, private: `importJWK(signingKey(secret))`. @throws SecretsError `decode`. */
export function signingKey(secret: Secret): SigningKey {
  const [first] = keysOf(secret);
  if (first === undefined) throw new SecretsError("decode", "this set of keys is empty", { hint: "Rotate it with jwks()." });
  return first;
}

/** The set to publish, without what is private: https://www.rfc-editor.org/rfc/rfc7517#section-5. @throws SecretsError `decode`. */
export function publicJwks(secret: Secret): { readonly keys: readonly JsonWebKey[] } {
  // What may be published is named, so that nothing private is by being forgotten.
  const keys = keysOf(secret).map(({ kty, crv, x, y, n, e, kid, alg, use }) => ({ kty, crv, x, y, n, e, kid, alg, use }));
  return { keys: keys.map((key) => Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined))) };
}
