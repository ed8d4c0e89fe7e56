import type { DeletedSecret, KeyVaultSecret, SecretProperties } from "./transport.ts";
import { notKeyVaults } from "./vault-answer.ts";

/**
 * A secret as the service writes it, also a deleted one and those in lists. Times in seconds since 1970.
 * https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret#secretbundle
 */
interface SecretBundle {
  readonly id?: unknown;
  readonly value?: string;
  readonly contentType?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly attributes?: {
    readonly enabled?: boolean;
    readonly created?: number;
    readonly updated?: number;
    readonly nbf?: number;
    readonly exp?: number;
  };
  readonly deletedDate?: number;
  readonly scheduledPurgeDate?: number;
}

const defined = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null));

const dateOf = (seconds: number | undefined): Date | undefined =>
  typeof seconds === "number" ? new Date(seconds * 1000) : undefined;

/** Name and version in `https://VAULT/secrets/NAME/VERSION`. */
function namesIn(id: unknown): { readonly name: string; readonly version?: string } {
  const path = typeof id === "string" ? URL.parse(id)?.pathname : undefined;
  const [, name, version] = /^\/[^/]+\/([^/]+)(?:\/([^/]*))?$/.exec(path ?? "") ?? [];
  if (name === undefined) throw notKeyVaults();
  return version === undefined ? { name } : { name, version };
}

function bundleOf(json: unknown): SecretBundle {
  if (typeof json !== "object" || json === null) throw notKeyVaults();
  return json;
}

export function propertiesOf(json: unknown): SecretProperties {
  const { id, contentType, tags, attributes } = bundleOf(json);
  const { enabled, created, updated, nbf, exp } = attributes ?? {};
  const times = { createdOn: dateOf(created), updatedOn: dateOf(updated), notBefore: dateOf(nbf), expiresOn: dateOf(exp) };
  return { ...namesIn(id), ...defined({ enabled, contentType, tags, ...times }) };
}

export function secretOf(json: unknown): KeyVaultSecret {
  const { value } = bundleOf(json);
  return { properties: propertiesOf(json), ...defined({ value }) };
}

export function deletedSecretOf(json: unknown): DeletedSecret {
  const { deletedDate, scheduledPurgeDate } = bundleOf(json);
  const times = { deletedOn: dateOf(deletedDate), scheduledPurgeDate: dateOf(scheduledPurgeDate) };
  return { properties: propertiesOf(json), ...defined(times) };
}

/** The items of a page, and where the next page is. */
export function pageOf(json: unknown): { readonly items: readonly unknown[]; readonly nextLink: string | undefined } {
  const { value, nextLink } = bundleOf(json) as { readonly value?: unknown; readonly nextLink?: unknown };
  if (!Array.isArray(value)) throw notKeyVaults();
  return { items: value, nextLink: typeof nextLink === "string" ? nextLink : undefined };
}
