import type { VaultAuth } from "./auth.ts";
import { given, signIn } from "./login.ts";
import { credentialFile } from "./token-file-auth.ts";

export interface KubernetesAuthOptions {
  /** The role in Vault that this pod's service account is bound to. */
  readonly role: string;
  /** Default: `kubernetes`. */
  readonly mount?: string;
  /** The service account's token, which Kubernetes rotates: read at each login. Default: where Kubernetes mounts it. */
  readonly tokenPath?: string;
}

/** https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login */
export function kubernetesAuth(options: KubernetesAuthOptions): VaultAuth {
  const method = "Kubernetes";
  const { role, mount = "kubernetes", tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount/token" } = options;
  return {
    method,
    issuesTokens: true,
    async login(login) {
      const jwt = await given(() => credentialFile(tokenPath, "the service account's token"), method);
      return signIn(method, { mount, body: { role, jwt } }, login);
    },
  };
}
