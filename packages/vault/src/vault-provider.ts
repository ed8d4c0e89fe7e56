import {
  type CallContext,
  type Features,
  type Locator,
  type Provider,
  type Secret,
  type SecretRecord,
  SecretsError,
} from "@keyhold/core";
import { check } from "./check.ts";
import type { ServerOptions } from "./http-transport.ts";
import { createLeases } from "./leases.ts";
import { listSecrets } from "./list-secrets.ts";
import { enabledVersion, metadataPath, readMetadata } from "./metadata.ts";
import { createMounts } from "./mounts.ts";
import { createPolicies, type VaultPolicies } from "./policies.ts";
import { type Backend, readSecret, versionedPlace, versionNumber } from "./read-secret.ts";
import { removeSecret } from "./remove-secret.ts";
import { createSession } from "./session.ts";
import type { Transport } from "./transport.ts";
import { accessOf, type VaultOptions } from "./vault-options.ts";
import { checkedPath, trimmedPath } from "./vault-path.ts";
import { unwrap, type WrappedSecret, wrap } from "./wrapping.ts";
import { writeSecret } from "./write-secret.ts";

/** Vault or OpenBao, with what only they have. */
export interface VaultProvider extends Provider {
  /** Brings back the version that the locator names, or the newest. @throws SecretsError `not-found` for one that is not deleted. */
  undelete(locator: Locator, context: CallContext): Promise<void>;
  /** Erases the version that the locator has to name, for good. @throws SecretsError `not-found`, `invalid-argument`. */
  destroy(locator: Locator, context: CallContext): Promise<void>;
  /** Erases a secret with all versions and labels, for good. @throws SecretsError `not-found`. */
  deleteMetadata(path: string, context: CallContext): Promise<void>;
  /** Wraps what reading would give, for somebody else to unwrap once within `ttlMs`. */
  wrap(locator: Locator, options: { readonly ttlMs: number }, context: CallContext): Promise<WrappedSecret>;
  /** Takes out what was wrapped. @throws SecretsError `not-found` when somebody did already, or it has expired. */
  unwrap(token: string | Secret, context: CallContext): Promise<SecretRecord>;
  /**
   * Has an engine rotate a credential of its own: `database/rotate-root/postgres`, after which nobody but Vault knows the password that
   * it was configured with, or `database/rotate-role/app`, a static role's.
   */
  rotate(path: string, context: CallContext): Promise<void>;
  readonly policies: VaultPolicies;
}

const features: Features = { versions: true, stages: false, binary: false, leases: true, fields: true, compareAndSet: true };

/** The provider over any transport. */
export function vaultProvider(transportTo: (server: ServerOptions) => Transport, options: VaultOptions): VaultProvider {
  const { namespace = process.env.VAULT_NAMESPACE, mounts = {}, parameters = {} } = options;
  const { server, auth } = accessOf(options);
  const transport = transportTo(server);
  const session = createSession({ transport, auth, namespace: trimmedPath(namespace ?? "") || undefined });
  const backend: Backend = {
    session,
    mounts: createMounts(session, mounts),
    leases: createLeases(session),
    parameters: new Map(Object.entries(parameters).map(([path, body]) => [trimmedPath(path), body])),
  };
  const versioned = async (path: string, context: CallContext) =>
    versionedPlace(await backend.mounts.placeOf(checkedPath(path), context));

  return {
    kind: "vault",
    features,

    read: (locator, context) => readSecret(backend, locator, context),

    async probe(locator, context) {
      const metadata = await readMetadata(session, await versioned(locator.path, context), context);
      return { version: enabledVersion(metadata, locator.version).version };
    },

    write: (locator, content, write, context) => writeSecret(backend, locator, content, write, context),

    remove: (locator, remove, context) => removeSecret(backend, locator, remove, context),

    list: (query, context) => listSecrets(backend, query, context),

    async versions(path, _query, context) {
      const { versions } = await readMetadata(session, await versioned(path, context), context);
      return { items: versions };
    },

    renew: (lease, context) => backend.leases.renew(lease, context),

    revoke: (lease, context) => backend.leases.revoke(lease, context),

    check: (context) => check(backend, transport, context),

    async undelete({ path, version }, context) {
      const place = await versioned(path, context);
      const { newest, versions } = await readMetadata(session, place, context);
      const number = version === undefined ? newest : versionNumber(version);
      if (versions.find((one) => one.version === String(number))?.state !== "deleted") {
        throw new SecretsError("not-found", "there is no such deleted version", {
          provider: "vault",
          hint: "List the versions: one that is enabled needs nothing, one that was destroyed is gone.",
        });
      }
      await session.call("POST", `${place.mount.path}undelete/${place.name}`, { body: { versions: [number] } }, context);
    },

    async destroy({ path, version = "" }, context) {
      const number = versionNumber(version);
      const place = await versioned(path, context);
      const { versions } = await readMetadata(session, place, context);
      const found = versions.find((one) => one.version === version);
      if (found === undefined || found.state === "destroyed") {
        throw new SecretsError("not-found", "there is no such version", { provider: "vault" });
      }
      await session.call("POST", `${place.mount.path}destroy/${place.name}`, { body: { versions: [number] } }, context);
    },

    async deleteMetadata(path, context) {
      const place = await versioned(path, context);
      await readMetadata(session, place, context);
      await session.call("DELETE", metadataPath(place), {}, context);
    },

    wrap: (locator, { ttlMs }, context) => wrap(backend, locator, ttlMs, context),

    unwrap: (token, context) => unwrap(backend, token, context),

    async rotate(path, context) {
      await session.call("POST", checkedPath(path), {}, context);
    },

    policies: createPolicies(session),

    async close() {
      session.close();
    },
  };
}
