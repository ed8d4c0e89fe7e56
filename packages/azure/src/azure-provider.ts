import {
  type CallContext,
  type Features,
  isSecretsError,
  type Page,
  type Provider,
  type SecretRecord,
  type SecretSummary,
  type VersionState,
  type VersionSummary,
} from "@keyhold/core";
import { changedPaths } from "./changed-paths.ts";
import { check } from "./check.ts";
import { listVersions } from "./list-versions.ts";
import { secretName, secretVersion } from "./secret-name.ts";
import { toDeleted, toRecord, toSummary } from "./to-record.ts";
import type { Transport, VaultPage } from "./transport.ts";
import { unsupported } from "./unsupported.ts";
import { untilSettled } from "./until-settled.ts";
import { writeSecret } from "./write-secret.ts";

/** `notBeforeAt`: from when on the value is meant to be used, in milliseconds since 1970. Key Vault gives it out before, too. */
export interface AzureSecretRecord extends SecretRecord {
  readonly notBeforeAt?: number;
}

export interface AzureSecretSummary extends SecretSummary {
  /** Of the current version. */
  readonly state: VersionState;
  readonly notBeforeAt?: number;
}

export interface AzureVersionSummary extends VersionSummary {
  readonly notBeforeAt?: number;
}

/** A removed secret that can still be recovered. Times in milliseconds since 1970. */
export interface DeletedSecretSummary extends AzureSecretSummary {
  readonly deletedAt?: number;
  /** When Key Vault purges it by itself. */
  readonly purgeAt?: number;
}

/** Azure Key Vault, with what only it has. */
export interface AzureProvider extends Provider {
  read(locator: Parameters<Provider["read"]>[0], context: CallContext): Promise<AzureSecretRecord>;
  list(query: Parameters<NonNullable<Provider["list"]>>[0], context: CallContext): Promise<Page<AzureSecretSummary>>;
  versions(path: string, query: { readonly cursor?: string }, context: CallContext): Promise<Page<AzureVersionSummary>>;
  /** Removed secrets whose names start with `prefix`. */
  listDeleted(
    query: { readonly prefix: string; readonly cursor?: string },
    context: CallContext,
  ): Promise<Page<DeletedSecretSummary>>;
  /** Brings back a removed secret with all its versions, and waits until it can be read. @throws SecretsError `not-found`. */
  recover(path: string, context: CallContext): Promise<void>;
  /** Removes a removed secret for good, which frees its name. @throws SecretsError `not-found`; `permission-denied` under purge protection. */
  purge(path: string, context: CallContext): Promise<void>;
}

// Reading is what tells the version here. A vault bears 400 reads a second: https://learn.microsoft.com/azure/key-vault/general/service-limits
const features: Features = {
  versions: true,
  stages: false,
  binary: true,
  leases: false,
  compareAndSet: false,
  probesPerSecond: 4,
};

/** A page of the items whose names start with a prefix, in any case: Key Vault cannot filter, and ignores case. */
async function filtered<T, Item extends SecretSummary>(page: Promise<VaultPage<T>>, prefix: string, toItem: (item: T) => Item) {
  const { items, next } = await page;
  const start = prefix.toLowerCase();
  const found = items.map(toItem).filter(({ path }) => path.toLowerCase().startsWith(start));
  return { items: found, ...(next === undefined ? {} : { next }) };
}

/** The provider of the vault at this origin, over any transport. */
export function azureProvider(transport: Transport, vault: string): AzureProvider {
  return {
    kind: "azure",
    features,

    // Key Vault ignores the case of names, so `azure://Login` and `azure://login` are one secret.
    canonicalPath: (path) => path.toLowerCase(),

    async read(locator, context) {
      return toRecord(await transport.getSecret(...secretVersion(locator), context));
    },

    write: (locator, content, options, context) => writeSecret(transport, locator, content, options, context),

    async remove(locator, { ifVersion }, context) {
      const [name, version] = secretVersion(locator);
      if (ifVersion !== undefined) throw unsupported("Key Vault removes unconditionally", "Leave ifVersion out.");
      if (version !== undefined) throw unsupported("Key Vault removes whole secrets", "Disable the version in the vault.");
      await transport.deleteSecret(name, context);
    },

    list: ({ prefix, cursor }, context) => filtered(transport.listSecrets(cursor, context), prefix, toSummary),

    versions: async (path, _query, context) => ({ items: await listVersions(transport, secretName(path), context) }),

    changedPaths: (event) => changedPaths(event, vault),

    check: (context) => check(transport, context),

    listDeleted: ({ prefix, cursor }, context) => filtered(transport.listDeletedSecrets(cursor, context), prefix, toDeleted),

    async recover(path, context) {
      const name = secretName(path);
      await untilSettled(() => transport.recoverDeletedSecret(name, context), isBusy, context);
      const isUnseen = (error: unknown) => isSecretsError(error, "not-found");
      await untilSettled(() => transport.getSecret(name, undefined, context), isUnseen, context).catch((error) => {
        // Who may not read it, or finds it disabled, has it back all the same.
        if (!isSecretsError(error, "permission-denied")) throw error;
      });
    },

    async purge(path, context) {
      const name = secretName(path);
      await untilSettled(() => transport.purgeDeletedSecret(name, context), isBusy, context);
    },

    async close() {
      transport.close();
    },
  };
}

/** The secret is on its way out or back: a matter of seconds. */
const isBusy = (error: unknown) => isSecretsError(error, "conflict") && error.retryable;
