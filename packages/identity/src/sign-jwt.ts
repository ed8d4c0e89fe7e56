import type { KeyObject } from "node:crypto";
import { SecretsError } from "@keyhold/core";

/**
 * A private key from PEM text.
 *
 * @throws SecretsError `invalid-argument`, which repeats nothing of it.
 */
export function privateKeyOf(pem: string, what: string, passphrase?: string): KeyObject {
  const { createPrivateKey } = process.getBuiltinModule("node:crypto");
  const [block] = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----/.exec(pem) ?? [];
  try {
    const key = createPrivateKey({ key: block ?? "", ...(passphrase === undefined ? {} : { passphrase }) });
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // OpenSSL's own words are of no help, and may show parts of the key.
  }
  throw new SecretsError("invalid-argument", `${what} holds no RSA key that can be read`, {
    hint: "It is PEM text, -----BEGIN PRIVATE KEY-----; where the key is encrypted, give its password.",
  });
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export interface JwtOptions {
  readonly algorithm: "RS256" | "PS256";
  readonly header: Readonly<Record<string, unknown>>;
  readonly key: KeyObject;
}

/** Signs claims. https://www.rfc-editor.org/rfc/rfc7518#section-3.3 */
export function signJwt(claims: Readonly<Record<string, unknown>>, { algorithm, header, key }: JwtOptions): string {
  const { constants, sign } = process.getBuiltinModule("node:crypto");
  const text = `${encoded({ alg: algorithm, typ: "JWT", ...header })}.${encoded(claims)}`;
  const padding =
    algorithm === "PS256"
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { padding: constants.RSA_PKCS1_PADDING };
  return `${text}.${sign("sha256", Buffer.from(text), { key, ...padding }).toString("base64url")}`;
}
