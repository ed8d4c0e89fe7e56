import { isSecretsError, SecretsError } from "@keyhold/core";

type Told = readonly [what: string, hint: string];

const unknownAuthority: Told = [
  "its certificate comes from an authority that is not trusted here",
  "Give the authority's certificate as tls.ca (PEM).",
];

const refusedCertificate: Told = [
  "it asks for a client certificate, or does not accept the one it was given",
  "Check tls.cert and tls.key: the server must know their authority, and they must not have expired.",
];

// https://nodejs.org/api/tls.html#x509-certificate-error-codes
const certificateProblems: Readonly<Record<string, Told>> = {
  CERT_HAS_EXPIRED: ["its certificate has expired", "Renew the server's certificate, or correct this machine's clock."],
  CERT_NOT_YET_VALID: ["its certificate is not valid yet", "Check this machine's clock and the certificate's dates."],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "its certificate is for another host name",
    "Use a host name that the certificate is for, or name it in tls.servername.",
  ],
  // The authority has the right name and another key: it was made anew.
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
};

// Alerts by which a server refuses a client certificate (RFC 8446, 6.2), as OpenSSL names them.
const clientCertificateAlert = /ALERT_(?:CERTIFICATE_\w+|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|DECRYPT_ERROR)$/;

const networkProblems: Readonly<Record<string, Told>> = {
  ECONNREFUSED: ["the connection was refused", "Check the address and port, and that the server runs."],
  ECONNRESET: ["the connection was closed before the answer was complete", "The server or a proxy on the way ended it."],
  ENOENT: ["there is no socket at the configured path", "Check socketPath, and that the server runs."],
  ENOTFOUND: ["its host name is not known", "Check the address for a misspelling, and this machine's DNS."],
  EAI_AGAIN: ["its host name could not be looked up now", "Check this machine's DNS."],
  EPIPE: ["the connection was closed before the request was sent", "The server or a proxy on the way ended it."],
  ETIMEDOUT: ["the connection could not be made in time", "Check the address, and that nothing on the way drops packets."],
};

/**
 * What a failed connection means. Only the error's code is read: its message and its properties may hold parts of the exchange.
 *
 * Certificate problems are not retryable: the same call fails again until somebody changes something.
 */
export function transportError(error: unknown, peer: string): SecretsError {
  if (isSecretsError(error)) return error;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const known = typeof code === "string" && /^[A-Z0-9_/]+$/.test(code) ? code : "";
  const told = (failure: "unavailable" | "unauthenticated", [what, hint]: Told, retryable: boolean) =>
    new SecretsError(failure, `cannot talk to ${peer}: ${what}`, { hint, retryable });
  if (Object.hasOwn(certificateProblems, known)) return told("unavailable", certificateProblems[known] as Told, false);
  if (Object.hasOwn(networkProblems, known)) return told("unavailable", networkProblems[known] as Told, true);
  if (clientCertificateAlert.test(known)) return told("unauthenticated", refusedCertificate, false);
  if (known.startsWith("HPE_")) {
    return told(
      "unavailable",
      ["its answer breaks the rules of HTTP", "Something else than the expected server may answer there."],
      true,
    );
  }
  if (known === "EPROTO" || known.startsWith("ERR_SSL_")) {
    const hint = "Check that the port speaks TLS (https, not http), and TLS 1.2 or newer.";
    return told("unavailable", [`the TLS handshake failed (${known})`, hint], false);
  }
  // What is left without a system's or Node's own prefix is a verdict of OpenSSL's on the certificate.
  if (/^(?!E[A-Z]+$|ERR_)[A-Z][A-Z_]+$/.test(known)) {
    return told(
      "unavailable",
      [`its certificate is not acceptable (${known})`, "Have the server's certificate checked with openssl verify."],
      false,
    );
  }
  return told(
    "unavailable",
    [`the connection failed${known && ` (${known})`}`, "Check the network between this machine and the server."],
    true,
  );
}
