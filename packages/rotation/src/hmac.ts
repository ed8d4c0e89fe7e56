import { type Rotator, type Secret, SecretsError } from "@keyhold/core";

export interface HmacOptions {
  /** How long each key is, in bytes. Default: 32. */
  readonly bytes?: number;
}

interface Keys {
  readonly current: string;
  readonly previous?: string;
}

const refuse = () =>
  new SecretsError("decode", "this secret holds no HMAC keys", {
    hint: 'It is a document with "current" and, after a rotation, "previous": both base64url.',
  });

function keysOf(secret: Secret): Keys {
  const { current, previous } = (secret.json() ?? {}) as { readonly current?: unknown; readonly previous?: unknown };
  if (typeof current !== "string" || (previous !== undefined && typeof previous !== "string")) throw refuse();
  return previous === undefined ? { current } : { current, previous };
}

/**
 * A webhook's secret: `{ current, previous }`, of which the sender signs with `current` and the receiver takes both, so that it does
 * not matter who of them learns first of a rotation. The one before `previous` is no longer taken: rotate more rarely than either side
 * reads. A secret that is plain text becomes `previous`.
 *
 * @example
 * await secrets.rotate("aws://prod/webhook", hmac());
 * const isGenuine = verifyHmac(await secrets.get("aws://prod/webhook"), body, request.headers["x-signature"]);
 */
export function hmac({ bytes = 32 }: HmacOptions = {}): Rotator {
  if (!Number.isInteger(bytes) || bytes < 16 || bytes > 1024)
    throw new SecretsError("invalid-argument", "a key has 16 to 1,024 bytes");
  return {
    kind: "hmac",
    create({ current }) {
      const { randomBytes } = process.getBuiltinModule("node:crypto");
      let previous: string;
      try {
        previous = keysOf(current).current;
      } catch {
        previous = Buffer.from(current.bytes()).toString("base64url");
      }
      return { current: randomBytes(bytes).toString("base64url"), previous };
    },
  };
}

function digest(key: string, body: string | Uint8Array): Buffer {
  const { createHmac } = process.getBuiltinModule("node:crypto");
  return createHmac("sha256", Buffer.from(key, "base64url")).update(body).digest();
}

/** The SHA-256 HMAC of a body by the current key, in hexadecimal. @throws SecretsError `decode` for a secret of another kind. */
export function signHmac(secret: Secret, body: string | Uint8Array): string {
  return digest(keysOf(secret).current, body).toString("hex");
}

/** Whether the current or the previous key made this signature, compared in constant time. @throws SecretsError `decode`. */
export function verifyHmac(secret: Secret, body: string | Uint8Array, signature: string): boolean {
  const { timingSafeEqual } = process.getBuiltinModule("node:crypto");
  const { current, previous } = keysOf(secret);
  const given = Buffer.from(/^[0-9a-f]{64}$/i.test(signature) ? signature : "", "hex");
  if (given.byteLength !== 32) return false;
  const made = [current, ...(previous === undefined ? [] : [previous])].map((key) => timingSafeEqual(digest(key, body), given));
  return made.includes(true);
}
