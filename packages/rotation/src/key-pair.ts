import type { JsonWebKey, KeyObject } from "node:crypto";
import { type Rotator, SecretsError } from "@keyhold/core";

/** `rsa`: 2,048 to 8,192 bits, by default 3,072. `ec`: by default P-256. */
export type KeyPairOptions =
  | { readonly type?: "ed25519" }
  | { readonly type: "ec"; readonly curve?: "P-256" | "P-384" | "P-521" }
  | { readonly type: "rsa"; readonly bits?: number };

/** @throws SecretsError `invalid-argument`. */
export function checkKeyPair(options: KeyPairOptions): void {
  const { type = "ed25519", curve = "P-256", bits = 3072 } = options as { type?: string; curve?: string; bits?: number };
  const isKnown = ["ed25519", "ec", "rsa"].includes(type) && ["P-256", "P-384", "P-521"].includes(curve);
  if (!isKnown || !Number.isInteger(bits) || bits < 2048 || bits > 8192) {
    throw new SecretsError("invalid-argument", "this is no kind of key pair", {
      hint: 'type is "ed25519", "ec" with curve "P-256", "P-384" or "P-521", or "rsa" with 2048 to 8192 bits.',
    });
  }
}

/** Makes a key pair without blocking the event loop. */
export async function makeKeyPair(options: KeyPairOptions): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  const { generateKeyPair } = process.getBuiltinModule("node:crypto");
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: KeyObject, privateKey: KeyObject) =>
      error ? reject(error) : resolve({ publicKey, privateKey });
    if (options.type === "rsa") generateKeyPair("rsa", { modulusLength: options.bits ?? 3072 }, done);
    else if (options.type === "ec") generateKeyPair("ec", { namedCurve: options.curve ?? "P-256" }, done);
    else generateKeyPair("ed25519", undefined, done);
  });
}

/** Names a key by its thumbprint: https://www.rfc-editor.org/rfc/rfc7638 */
export function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = kty === "RSA" ? { e, kty, n } : kty === "EC" ? { crv, kty, x, y } : { crv, kty, x };
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

/**
 * A key pair: `{ privateKey, publicKey, previousPublicKey, keyId }`, keys in PEM (PKCS 8 and SPKI). Who verifies takes the previous
 * public key too, so that what was signed before a rotation stays valid for as long as they do.
 *
 * @example
 * await secrets.rotate("local://signing", keyPair({ type: "ec", curve: "P-384" }));
 */
export function keyPair(options: KeyPairOptions = {}): Rotator {
  checkKeyPair(options);
  return {
    kind: "key-pair",
    async create({ current }) {
      const { publicKey, privateKey } = await makeKeyPair(options);
      const before = publicKeyIn(current);
      return {
        privateKey: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
        publicKey: publicKey.export({ format: "pem", type: "spki" }) as string,
        keyId: thumbprint(publicKey.export({ format: "jwk" })),
        ...(before === undefined ? {} : { previousPublicKey: before }),
      };
    },
  };
}

/** Of a first value that was no key pair, there is none. */
function publicKeyIn(current: { json(): unknown }): string | undefined {
  try {
    const { publicKey } = current.json() as { readonly publicKey?: unknown };
    return typeof publicKey === "string" ? publicKey : undefined;
  } catch {
    return undefined;
  }
}
