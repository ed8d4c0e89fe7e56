import type { VaultAuth } from "./auth.ts";
import { signIn } from "./login.ts";

export interface CertificateAuthOptions {
  /** The role to log in with. Default: any that the certificate fits. */
  readonly role?: string;
  /** Default: `cert`. */
  readonly mount?: string;
}

/**
 * Signs in by the client certificate of the provider's option `tls`: `{ cert, key }`.
 * https://developer.hashicorp.com/vault/api-docs/auth/cert#login-with-tls-certificate-method
 */
export function certificateAuth({ role, mount = "cert" }: CertificateAuthOptions = {}): VaultAuth {
  const method = "certificate";
  return {
    method,
    issuesTokens: true,
    login: (login) => signIn(method, { mount, body: role === undefined ? {} : { name: role } }, login),
  };
}
