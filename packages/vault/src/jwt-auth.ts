import type { VaultAuth } from "./auth.ts";
import { type Given, given, signIn } from "./login.ts";

export interface JwtAuthOptions {
  readonly role: string;
  /** The token of an identity provider, or a function that gives one that is still good. */
  readonly token: Given;
  /** Default: `jwt`. */
  readonly mount?: string;
}

/** https://developer.hashicorp.com/vault/api-docs/auth/jwt#jwt-login */
export function jwtAuth({ role, token, mount = "jwt" }: JwtAuthOptions): VaultAuth {
  const method = "JWT";
  return {
    method,
    issuesTokens: true,
    login: async (login) => signIn(method, { mount, body: { role, jwt: await given(token, method) } }, login),
  };
}
