import { type ErrorCode, SecretsError } from "@keyhold/core";

interface Meaning {
  readonly code: ErrorCode;
  readonly hint?: string;
  /** Where it differs from what the code says. */
  readonly retryable?: boolean;
}

const nameInUse = "recover() brings the old secret back; purge() removes it for good and frees the name.";

/**
 * Key Vault's own names of errors, the inner and exact ones first.
 * https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
 */
const meanings: Readonly<Record<string, Meaning>> = {
  SecretNotFound: { code: "not-found", hint: "Check the name and the vault. A removed secret comes back by recover()." },
  SecretDisabled: {
    code: "permission-denied",
    hint: "The secret, or this version of it, is disabled: enable it in the vault, or read another version.",
  },
  ForbiddenByRbac: { code: "permission-denied", hint: "Give this principal a role such as Key Vault Secrets User on the vault." },
  ForbiddenByPolicy: { code: "permission-denied", hint: "Add this principal and operation to the vault's access policies." },
  ForbiddenByFirewall: {
    code: "permission-denied",
    hint: "The vault's firewall does not let this address in: add it, or come through the private endpoint.",
  },
  ForbiddenByConnection: {
    code: "permission-denied",
    hint: "The vault takes calls from its private endpoints only: come through one of them.",
  },
  ObjectIsDeletedButRecoverable: { code: "conflict", hint: `A removed secret still has this name. ${nameInUse}` },
  ObjectIsBeingDeleted: {
    code: "conflict",
    retryable: true,
    hint: `The secret is still being removed; in seconds it will be. ${nameInUse}`,
  },
  ObjectIsBeingRecovered: {
    code: "conflict",
    retryable: true,
    hint: "The secret is being recovered: try again in some seconds.",
  },
  BadParameter: {
    code: "invalid-argument",
    hint: "A value has at most 25 KB (bytes count as base64), a secret at most 15 labels of 256 characters each.",
  },
};

const statuses: Readonly<Record<number, Meaning>> = {
  400: { code: "invalid-argument" },
  401: {
    code: "unauthenticated",
    hint: "The vault does not accept the credential's token: check that the credential belongs to the vault's tenant and cloud.",
  },
  403: {
    code: "permission-denied",
    hint: "Allow this principal the operation: secrets/get, list, set, delete, recover or purge. Purge protection forbids purge to all.",
  },
  404: { code: "not-found" },
  408: { code: "timeout" },
  409: { code: "conflict", hint: "Somebody else works on this secret at the same moment: try again." },
  429: { code: "rate-limited", hint: "Raise the cache's time to live, or spread the secrets over more vaults." },
};

export interface VaultFailure {
  readonly status: number;
  /** `error.code` of the answer. */
  readonly code?: string;
  /** `error.innererror.code` of the answer. */
  readonly innerCode?: string;
  readonly retryAfterMs?: number;
}

const known = (name: string | undefined) =>
  name !== undefined && Object.hasOwn(meanings, name) ? { name, meaning: meanings[name] as Meaning } : undefined;

function byStatus(status: number): Meaning {
  const meaning = Object.hasOwn(statuses, status) ? statuses[status] : undefined;
  return meaning ?? { code: status >= 500 ? "unavailable" : "unknown" };
}

/** The one table from Key Vault's errors to codes. Its own message is left behind: it may hold what was sent. */
export function azureError({ status, code, innerCode, retryAfterMs }: VaultFailure): SecretsError {
  const named = known(innerCode) ?? known(code);
  const { code: ours, hint, retryable } = named?.meaning ?? byStatus(status);
  return new SecretsError(ours, `Azure Key Vault: ${named?.name ?? `HTTP ${status}`}`, {
    provider: "azure",
    hint,
    retryable,
    retryAfterMs,
  });
}
