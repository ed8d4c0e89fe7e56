import {
  type CryptoKey,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

/** Whoever signs tokens: one RS256 key, known by its JWKS. */
export interface TokenAuthority {
  readonly jwks: JSONWebKeySet;
  /** Signs exactly these claims, with `iat`, `nbf` and `exp` filled in where they are missing (an hour from now). */
  mint(claims: JWTPayload): Promise<string>;
  /** The same with a key that is in no JWKS, under this authority's key id: the signature is wrong and nothing else. */
  forge(claims: JWTPayload): Promise<string>;
  /** The claims, if signature, issuer, audience and times hold. Throws otherwise. */
  verify(token: string, expected: TokenExpectations): Promise<JWTPayload>;
}

export interface TokenExpectations {
  readonly issuer: string;
  readonly audience?: string | readonly string[];
}

/** Where servers here take the time from. `Clock` of `@keyhold/core` fits. */
export interface WallClock {
  /** Milliseconds since 1970. */
  now(): number;
}

export const wallClock: WallClock = { now: () => Date.now() };

let made = 0;

export async function createTokenAuthority(clock: WallClock = wallClock): Promise<TokenAuthority> {
  const own = await generateKeyPair("RS256", { extractable: true });
  made += 1;
  const kid = `test-key-${made}`;
  const jwks: JSONWebKeySet = { keys: [{ ...(await exportJWK(own.publicKey)), kid, alg: "RS256", use: "sig" }] };
  const keys = createLocalJWKSet(jwks);
  const sign = (claims: JWTPayload, key: CryptoKey) => {
    const now = Math.floor(clock.now() / 1000);
    return new SignJWT({ iat: now, nbf: now, exp: now + 3600, ...claims })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid })
      .sign(key);
  };
  return {
    jwks,
    mint: (claims) => sign(claims, own.privateKey),
    forge: async (claims) => sign(claims, (await generateKeyPair("RS256")).privateKey),
    async verify(token, expected) {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ["RS256"],
        issuer: expected.issuer,
        ...(expected.audience !== undefined && { audience: [expected.audience].flat() as string[] }),
        currentDate: new Date(clock.now()),
        requiredClaims: ["exp"],
      });
      return payload;
    },
  };
}
