import { SecretsError } from "@keyhold/core";
import type { AccessTokenSource } from "./access-tokens.ts";
import { type AzureApplicationOptions, azureApplication } from "./azure-identity.ts";
import { assertionProof, requestAzureToken } from "./azure-token-request.ts";
import { readCredentialFile } from "./read-credential-file.ts";
import { privateKeyOf, signJwt } from "./sign-jwt.ts";

export interface AzureClientCertificateOptions extends AzureApplicationOptions {
  /** A PEM file with the certificate and its key, read at each call. Default: AZURE_CLIENT_CERTIFICATE_PATH. */
  readonly certificateFile?: string;
  /** Of the key, where it is encrypted. Default: AZURE_CLIENT_CERTIFICATE_PASSWORD. */
  readonly password?: string;
}

const what = "the client certificate for Azure";
const assertionMs = 10 * 60_000;

/** The certificates of a PEM file, as DER: the application's own first. */
function certificatesOf(pem: string): Buffer[] {
  const blocks = pem.matchAll(/-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/g);
  const certificates = [...blocks].map(([, body = ""]) => Buffer.from(body, "base64"));
  if (certificates.length > 0) return certificates;
  throw new SecretsError("invalid-argument", `the file of ${what} holds none`, {
    hint: "It is PEM, certificate and key in one file: openssl pkcs12 -nodes makes it of a .pfx.",
  });
}

/**
 * Signs in as an application by its certificate: Entra ID gets an assertion that the key signed, and no key.
 *
 * @throws SecretsError `unauthenticated` when something is missing or Entra ID refuses, `invalid-argument` for a file that holds no
 * certificate or key.
 * @see https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials
 */
export function azureClientCertificate(options: AzureClientCertificateOptions = {}): AccessTokenSource {
  const { environment = process.env } = options;
  return async (scope, context) => {
    const application = azureApplication(options);
    const file = options.certificateFile ?? environment.AZURE_CLIENT_CERTIFICATE_PATH;
    if (!file) throw new SecretsError("unauthenticated", `${what} is missing`, { hint: "Set AZURE_CLIENT_CERTIFICATE_PATH." });
    const pem = await readCredentialFile(file, what);
    const password = options.password ?? (environment.AZURE_CLIENT_CERTIFICATE_PASSWORD || undefined);
    const key = privateKeyOf(pem, `the file of ${what}`, password);
    const certificates = certificatesOf(pem);
    const { createHash, randomUUID } = process.getBuiltinModule("node:crypto");
    const thumbprint = createHash("sha256")
      .update(certificates[0] as Buffer)
      .digest("base64url");
    // The chain is for applications that trust a subject's name and its issuer instead of one certificate.
    const sendsChain = ["1", "true"].includes(environment.AZURE_CLIENT_SEND_CERTIFICATE_CHAIN?.toLowerCase() ?? "");
    const chain = sendsChain ? { x5c: certificates.map((certificate) => certificate.toString("base64")) } : {};
    const now = Math.floor(context.clock.now() / 1000);
    const assertion = signJwt(
      {
        aud: application.tokenUrl,
        iss: application.clientId,
        sub: application.clientId,
        jti: randomUUID(),
        iat: now,
        nbf: now,
        exp: now + assertionMs / 1000,
      },
      { algorithm: "PS256", header: { "x5t#S256": thumbprint, ...chain }, key },
    );
    return requestAzureToken(application, assertionProof(assertion), scope, context);
  };
}
