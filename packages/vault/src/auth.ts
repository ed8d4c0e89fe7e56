import type { CallContext } from "@keyhold/core";
import type { Transport } from "./transport.ts";

/** A token as a login gives it. */
export interface IssuedToken {
  /** Undefined: an agent on the way puts in its own. */
  readonly token: string | undefined;
  /** How long it lives from now, in milliseconds. Undefined: it does not end. */
  readonly ttlMs: number | undefined;
  readonly renewable: boolean;
}

/** Where a login happens. Its requests carry the provider's namespace and client certificate, and no token. */
export interface LoginContext {
  readonly request: Transport["request"];
  readonly context: CallContext;
}

/** A way to sign in: `appRoleAuth`, `kubernetesAuth` and so on make one, for the option `auth`. */
export interface VaultAuth {
  /** For people: `approle`. */
  readonly method: string;
  /** Whether each login gives a new token, so that one that ends can be replaced in time. */
  readonly issuesTokens: boolean;
  /** @throws SecretsError `unauthenticated` when Vault does not accept the login. */
  login(login: LoginContext): Promise<IssuedToken>;
}
