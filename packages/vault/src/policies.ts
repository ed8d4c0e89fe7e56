import { type CallContext, SecretsError } from "@keyhold/core";
import type { Session } from "./session.ts";
import { unexpectedAnswer } from "./vault-error.ts";

/** Vault's ACL policies, as text in its own language (HCL or JSON). */
export interface VaultPolicies {
  /** @throws SecretsError `not-found`. */
  read(name: string, context: CallContext): Promise<string>;
  /** Creates or replaces. @throws SecretsError `invalid-argument` for what is no policy. */
  write(name: string, policy: string, context: CallContext): Promise<void>;
  list(context: CallContext): Promise<readonly string[]>;
  /** Also succeeds where there is none. */
  delete(name: string, context: CallContext): Promise<void>;
}

const folder = "sys/policies/acl";

function pathOf(name: string): string {
  if (!name.includes("/")) return `${folder}/${name}`;
  throw new SecretsError("invalid-argument", "a policy's name has no slash", { provider: "vault", hint: "Choose another name." });
}

/** https://developer.hashicorp.com/vault/api-docs/system/policies */
export function createPolicies(session: Session): VaultPolicies {
  return {
    async read(name, context) {
      const { body } = await session.call("GET", pathOf(name), {}, context);
      const { policy } = (body?.data ?? {}) as { readonly policy?: unknown };
      if (typeof policy !== "string") throw unexpectedAnswer("policy");
      return policy;
    },
    async write(name, policy, context) {
      await session.call("PUT", pathOf(name), { body: { policy } }, context);
    },
    async list(context) {
      const { body } = await session.call("GET", folder, { query: { list: true } }, context);
      const { keys } = (body?.data ?? {}) as { readonly keys?: unknown };
      if (!Array.isArray(keys)) throw unexpectedAnswer("policies");
      return keys.filter((key) => typeof key === "string");
    },
    async delete(name, context) {
      await session.call("DELETE", pathOf(name), {}, context);
    },
  };
}
