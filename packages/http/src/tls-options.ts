import type { SecureContext } from "node:tls";
import { SecretsError } from "@keyhold/core";

type Pem = string | Uint8Array;

/** All certificates and keys are PEM: text, or the bytes of a file. A server's certificate is always verified. */
export interface TlsOptions {
  /** The authorities to trust **instead of** the well-known ones. */
  readonly ca?: Pem | readonly Pem[];
  /** A client certificate, with its chain. Needs `key`. */
  readonly cert?: Pem;
  /** The client certificate's key, not encrypted. */
  readonly key?: Pem;
  /** The name that the server's certificate must be for. Default: the host of the base URL. */
  readonly servername?: string;
  /** Default: TLSv1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

const asBuffer = (pem: Pem): string | Buffer =>
  typeof pem === "string" ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength);

const unusable = (): SecretsError =>
  new SecretsError("invalid-argument", "tls.ca, tls.cert or tls.key cannot be loaded", {
    hint: "Each is PEM text (-----BEGIN …), not the path of a file; the key is not encrypted and is the certificate's.",
  });

/**
 * Loads certificates and key once for all connections, which also keeps the key out of what a printed agent shows.
 *
 * @throws SecretsError `invalid-argument` for what is no PEM, or a key that is not the certificate's.
 */
export function secureContext({ ca, cert, key, minVersion = "TLSv1.2" }: TlsOptions): SecureContext {
  if ((cert === undefined) !== (key === undefined)) {
    throw new SecretsError("invalid-argument", "tls.cert and tls.key are given together or not at all");
  }
  const authorities = ca === undefined ? undefined : (Array.isArray(ca) ? ca : [ca]).map(asBuffer);
  // OpenSSL skips what is no certificate, such as the path of a file, and then trusts nobody.
  if (authorities?.some((pem) => !/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(pem.toString()))) throw unusable();
  try {
    return process.getBuiltinModule("node:tls").createSecureContext({
      minVersion,
      ...(authorities === undefined ? {} : { ca: authorities }),
      ...(cert === undefined || key === undefined ? {} : { cert: asBuffer(cert), key: asBuffer(key) }),
    });
  } catch {
    throw unusable();
  }
}
