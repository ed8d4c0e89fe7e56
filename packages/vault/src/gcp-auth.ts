import type { CallContext } from "@keyhold/core";
import type { AccessTokens } from "@keyhold/identity";
import type { VaultAuth } from "./auth.ts";
import { identity } from "./identity.ts";
import { type Given, given, signIn } from "./login.ts";

export interface GcpAuthOptions {
  /** The role in Vault. One of the type `iam` needs `max_jwt_exp=1h`, as Google's identity tokens live that long. */
  readonly role: string;
  /** An identity token whose audience ends with `vault/ROLE`. Default: wherever Google leaves a workload its identity. */
  readonly token?: Given;
  /** Default: `gcp`. */
  readonly mount?: string;
}

/**
 * Signs in as a service account or an instance of Google Cloud.
 *
 * @see https://developer.hashicorp.com/vault/api-docs/auth/gcp#login
 */
export function gcpAuth({ role, token, mount = "gcp" }: GcpAuthOptions): VaultAuth {
  const method = "Google Cloud";
  let tokens: AccessTokens | undefined;
  const ownToken = async (context: CallContext) => {
    tokens ??= (await identity()).googleIdentityTokens();
    return tokens.get(`vault/${role}`, context);
  };
  return {
    method,
    issuesTokens: true,
    async login(login) {
      const jwt = await given(token ?? (() => ownToken(login.context)), method);
      try {
        return await signIn(method, { mount, body: { role, jwt } }, login);
      } catch (error) {
        // The next login shows a new one.
        tokens?.reject(jwt);
        throw error;
      }
    },
  };
}
