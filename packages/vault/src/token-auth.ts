import type { VaultAuth } from "./auth.ts";
import { type Given, given, lookedUp } from "./login.ts";

/**
 * A token that exists already, or a function that gives one. It is renewed as long as Vault allows it.
 *
 * @example
 * vault({ address, auth: tokenAuth(process.env.VAULT_TOKEN ?? "") });
 */
export function tokenAuth(token: Given): VaultAuth {
  const method = "token";
  return {
    method,
    issuesTokens: false,
    login: async (login) => lookedUp(await given(token, method), method, login),
  };
}
