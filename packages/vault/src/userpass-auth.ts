import type { VaultAuth } from "./auth.ts";
import { type Given, given, signIn } from "./login.ts";

export interface UserpassAuthOptions {
  readonly username: string;
  readonly password: Given;
  /** Default: `userpass`. LDAP and RADIUS log in the same way: `ldap`. */
  readonly mount?: string;
}

/** https://developer.hashicorp.com/vault/api-docs/auth/userpass#login */
export function userpassAuth({ username, password, mount = "userpass" }: UserpassAuthOptions): VaultAuth {
  const method = "password";
  return {
    method,
    issuesTokens: true,
    login: async (login) =>
      signIn(method, { mount, path: `login/${username}`, body: { password: await given(password, method) } }, login),
  };
}
