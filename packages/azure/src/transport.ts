import type { CallContext, CheckReport } from "@keyhold/core";

/** What Key Vault says of a secret beside its value, in the SDK's words. */
export interface SecretProperties {
  readonly name: string;
  /** Missing in lists of secrets. */
  readonly version?: string;
  readonly enabled?: boolean;
  readonly createdOn?: Date;
  readonly updatedOn?: Date;
  readonly notBefore?: Date;
  readonly expiresOn?: Date;
  readonly contentType?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface KeyVaultSecret {
  readonly value?: string;
  readonly properties: SecretProperties;
}

export interface DeletedSecret {
  readonly properties: SecretProperties;
  readonly deletedOn?: Date;
  readonly scheduledPurgeDate?: Date;
}

/** One page of Key Vault's, at most 25 items. It may be empty and still have a next one. */
export interface VaultPage<T> {
  readonly items: readonly T[];
  /** Path and query of the next page, never a host. */
  readonly next?: string;
}

export interface NewSecret {
  readonly value: string;
  readonly contentType?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * The operations of Key Vault that the provider uses. Each sends what it is named after and gives the answer, or throws a
 * `SecretsError`; none waits for what the service does afterwards. Names and versions come checked.
 * https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups
 */
export interface Transport {
  getSecret(name: string, version: string | undefined, context: CallContext): Promise<KeyVaultSecret>;
  setSecret(name: string, secret: NewSecret, context: CallContext): Promise<KeyVaultSecret>;
  deleteSecret(name: string, context: CallContext): Promise<void>;
  recoverDeletedSecret(name: string, context: CallContext): Promise<void>;
  purgeDeletedSecret(name: string, context: CallContext): Promise<void>;
  listSecrets(cursor: string | undefined, context: CallContext): Promise<VaultPage<SecretProperties>>;
  listSecretVersions(name: string, cursor: string | undefined, context: CallContext): Promise<VaultPage<SecretProperties>>;
  listDeletedSecrets(cursor: string | undefined, context: CallContext): Promise<VaultPage<DeletedSecret>>;
  /** What the calls so far have shown. */
  session(): Pick<CheckReport, "principal" | "serverTimeAt" | "certificateExpiresAt">;
  close(): void;
}
