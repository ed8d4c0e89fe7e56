import type { VaultAuth } from "./auth.ts";
import { type Given, given, signIn } from "./login.ts";

export interface AppRoleAuthOptions {
  readonly roleId: Given;
  /** Left out where the role demands none. */
  readonly secretId?: Given;
  /** Default: `approle`. */
  readonly mount?: string;
}

/** https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle */
export function appRoleAuth({ roleId, secretId, mount = "approle" }: AppRoleAuthOptions): VaultAuth {
  const method = "AppRole";
  return {
    method,
    issuesTokens: true,
    async login(login) {
      const secret = secretId === undefined ? {} : { secret_id: await given(secretId, method) };
      return signIn(method, { mount, body: { role_id: await given(roleId, method), ...secret } }, login);
    },
  };
}
