import type { JsonWebKey, KeyObject } from "node:crypto";

export type Claims = Readonly<Record<string, unknown>>;

/** The two algorithms that the senders of events sign with. Nothing else is ever tried, whatever a token asks for. */
const algorithms = {
  RS256: { keyType: "RSA", signatureBytes: undefined },
  ES256: { keyType: "EC", signatureBytes: 64 },
} as const;
type Algorithm = keyof typeof algorithms;

export interface TokenRules {
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The published key of this id, or undefined. */
  keyOf(id: string): Promise<PublishedKey | undefined>;
}

/** A key of a JWK set. */
export type PublishedKey = JsonWebKey & { readonly kid?: string; readonly use?: string; readonly alg?: string };

const longestToken = 16_384;
const leastModulusBits = 2_048;
const skewMs = 60_000;

/**
 * The claims of a signed token (RFC 7519) if the token is what the rules ask for, otherwise undefined. The claims that are left to
 * check are the sender's own.
 */
export async function claimsOf(token: string, rules: TokenRules): Promise<Claims | undefined> {
  const [, head, payload, signature] = token.length > longestToken ? [] : (/^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token) ?? []);
  if (head === undefined || payload === undefined || signature === undefined) return undefined;
  const header = decoded(head);
  const algorithm = header && algorithmOf(header);
  if (header === undefined || algorithm === undefined || typeof header.kid !== "string") return undefined;
  const key = publicKey(await rules.keyOf(header.kid), algorithm);
  if (key === undefined || !isSigned(`${head}.${payload}`, signature, key, algorithm)) return undefined;
  const claims = decoded(payload);
  return claims !== undefined && isValid(claims, rules) ? claims : undefined;
}

function decoded(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url")));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}

function algorithmOf({ alg, typ, crit }: Claims): Algorithm | undefined {
  // What is marked as critical has to be understood, and nothing is.
  if (crit !== undefined || (typ !== undefined && typ !== "JWT")) return undefined;
  return alg === "RS256" || alg === "ES256" ? alg : undefined;
}

function publicKey(key: PublishedKey | undefined, algorithm: Algorithm): KeyObject | undefined {
  if (key === undefined || key.kty !== algorithms[algorithm].keyType) return undefined;
  if ((key.use ?? "sig") !== "sig" || (key.alg ?? algorithm) !== algorithm) return undefined;
  if (algorithm === "ES256" && key.crv !== "P-256") return undefined;
  try {
    const { kty, n, e, crv, x, y } = key;
    // The public half alone, whatever else was published.
    const jwk = algorithm === "RS256" ? { kty, n, e } : { kty, crv, x, y };
    const made = process.getBuiltinModule("node:crypto").createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
    const { modulusLength = leastModulusBits } = made.asymmetricKeyDetails ?? {};
    return modulusLength >= leastModulusBits ? made : undefined;
  } catch {
    return undefined;
  }
}

function isSigned(text: string, signature: string, key: KeyObject, algorithm: Algorithm): boolean {
  const bytes = Buffer.from(signature, "base64url");
  const { signatureBytes } = algorithms[algorithm];
  // One signature has one spelling.
  if (bytes.toString("base64url") !== signature || (signatureBytes ?? bytes.length) !== bytes.length) return false;
  const { verify } = process.getBuiltinModule("node:crypto");
  return verify("sha256", Buffer.from(text), algorithm === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key, bytes);
}

function isValid({ iss, aud, exp, nbf, iat }: Claims, { issuers, audiences, now }: TokenRules): boolean {
  const meant: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (typeof iss !== "string" || !issuers.includes(iss)) return false;
  if (!meant.some((one) => typeof one === "string" && audiences.includes(one))) return false;
  if (!isTime(exp) || exp * 1_000 + skewMs <= now) return false;
  return [nbf, iat].every((from) => from === undefined || (isTime(from) && from * 1_000 - skewMs <= now));
}

export const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
