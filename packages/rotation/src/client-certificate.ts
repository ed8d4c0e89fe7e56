import { type Json, type Secret, SecretsError } from "@keyhold/core";

/** A certificate with what was issued with it, and its key, as PEM text. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

const certificates = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const keys = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[\s\S]*?-----END (?:[A-Z]+ )?PRIVATE KEY-----/g;

/**
 * What lies in PEM in a secret: one text with certificate and key, as Azure gives it; fields such as `tls.crt` and `tls.key` of
 * Kubernetes, or `certificate`, `private_key` and `ca_chain` of Vault.
 *
 * @throws SecretsError `decode` where there is no certificate, or not one key.
 */
export function clientCertificate(secret: Secret): ClientCertificate {
  const pem = texts(secret).join("\n");
  // Vault names the issuing authority twice.
  const cert = [...new Set(pem.match(certificates))].join("\n");
  const [key, ...others] = new Set(pem.match(keys));
  if (cert === "" || key === undefined || others.length > 0) {
    throw new SecretsError("decode", "this secret is no certificate with its key in PEM", {
      hint: "Give { certificate: (secret) => ({ cert, key }) } for another shape.",
    });
  }
  return { cert, key };
}

/** Every text in it, the certificate's own before the ones that issued it. */
function texts(secret: Secret): string[] {
  let whole: string | undefined;
  try {
    whole = secret.text();
  } catch {
    // It has fields.
  }
  if (whole?.includes("-----BEGIN") && !whole.trimStart().startsWith("{")) return [whole];
  const document: Json = secret.json();
  if (typeof document !== "object" || document === null || Array.isArray(document)) return [];
  const order = (name: string) => (/^(?:certificate|cert|tls\.crt)$/.test(name) ? 0 : 1);
  return Object.entries(document)
    .sort(([one], [other]) => order(one) - order(other))
    .flatMap(([, value]) => (Array.isArray(value) ? value : [value]))
    .filter((value) => typeof value === "string");
}
