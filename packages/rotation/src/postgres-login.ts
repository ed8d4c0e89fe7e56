import type { Secret } from "@keyhold/core";
import { databaseLogin } from "./database-login.ts";
import { plainPassword } from "./plain-password.ts";

/** What a secret says about signing in to PostgreSQL, in the words of node-postgres. */
export interface PostgresLogin {
  readonly connectionString?: string;
  readonly user?: string;
  readonly password?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
}

/** A URL, a document with `username` and `password`, or anything else: then the whole is the password. @throws SecretsError `decode`. */
export function postgresLogin(secret: Secret): PostgresLogin {
  const password = plainPassword(secret);
  if (password !== undefined) return { password };
  const { url, with: _with, ...login } = databaseLogin(secret);
  if (url !== undefined) return { connectionString: url };
  // What the secret does not say is not to hide what the pool's own settings say.
  return Object.fromEntries(Object.entries(login).filter(([, value]) => value !== undefined));
}
