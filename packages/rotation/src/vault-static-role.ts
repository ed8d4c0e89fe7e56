import { type BackendRotator, type CallContext, callContext, type Provider, parseReference, SecretsError } from "@keyhold/core";

/** What is used of the provider of `@keyhold/vault`. */
export interface RotatesInEngines extends Provider {
  rotate(path: string, context: CallContext): Promise<void>;
}

/**
 * A static role of Vault's or OpenBao's database engine, such as `vault://database/static-creds/app`: has the engine set a new password
 * for its user. The old one ends at once, so what signs in by it should do so inside `secrets.use`.
 *
 * @throws SecretsError, from the rotation: `invalid-argument` for another path.
 * @example
 * await secrets.rotate("vault://database/static-creds/app", vaultStaticRole({ provider }));
 */
export function vaultStaticRole({ provider }: { readonly provider: RotatesInEngines }): BackendRotator {
  return {
    kind: "vault-static-role",
    async rotate({ reference, signal }) {
      const match = /^(.+)\/static-creds\/([^/]+)$/.exec(parseReference(reference).path);
      if (match === null) {
        throw new SecretsError("invalid-argument", "this is no static role of a database engine", {
          hint: "Its path is MOUNT/static-creds/ROLE.",
        });
      }
      await provider.rotate(`${match[1]}/rotate-role/${match[2]}`, callContext({ deadlineMs: 60_000, signal }));
    },
  };
}
