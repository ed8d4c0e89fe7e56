import { type Content, SecretsError, type VersionSummary } from "@keyhold/core";
import type { AzureSecretRecord, AzureSecretSummary, AzureVersionSummary, DeletedSecretSummary } from "./azure-provider.ts";
import type { DeletedSecret, KeyVaultSecret, SecretProperties } from "./transport.ts";

/** What the content type of bytes ends with: Key Vault holds text, so their value is base64. */
export const base64Mark = ";base64";

export function isMarked(contentType: string | undefined): contentType is string {
  return contentType?.toLowerCase().endsWith(base64Mark) === true;
}

function decodeBase64(text: string): Uint8Array {
  const bare = text.replace(/\s+/g, "").replace(/=+$/, "");
  const bytes = Buffer.from(bare, "base64");
  // Node skips what is no base64, so the way back shows whether anything was lost.
  if (bytes.toString("base64").replace(/=+$/, "") !== bare) {
    throw new SecretsError("decode", "the content type says base64, and the value is none", {
      provider: "azure",
      hint: `Write the value again as bytes, or take ${base64Mark} from its content type.`,
    });
  }
  // A copy: small buffers lie in a pool that others see.
  return new Uint8Array(bytes);
}

function toContent(value: string, contentType: string | undefined): Content {
  if (!isMarked(contentType)) return { kind: "opaque", value, ...(contentType === undefined ? {} : { contentType }) };
  return { kind: "opaque", value: decodeBase64(value), contentType: contentType.slice(0, -base64Mark.length) };
}

/** Times and labels, as far as they are known. */
function described({ createdOn, notBefore, expiresOn }: SecretProperties) {
  return {
    ...(createdOn === undefined ? {} : { createdAt: createdOn.getTime() }),
    ...(notBefore === undefined ? {} : { notBeforeAt: notBefore.getTime() }),
    ...(expiresOn === undefined ? {} : { expiresAt: expiresOn.getTime() }),
  };
}

const labelled = ({ tags }: SecretProperties) => (tags === undefined ? {} : { labels: { ...tags } });

const stateOf = ({ enabled }: SecretProperties): VersionSummary["state"] => (enabled === false ? "disabled" : "enabled");

export function toRecord({ value, properties }: KeyVaultSecret): AzureSecretRecord {
  const { version, contentType } = properties;
  if (typeof value !== "string" || version === undefined) {
    throw new SecretsError("decode", "Azure Key Vault: the answer holds no value, or no version", { provider: "azure" });
  }
  return { content: toContent(value, contentType), version, ...described(properties), ...labelled(properties) };
}

export function toSummary(properties: SecretProperties): AzureSecretSummary {
  const { name: path, updatedOn } = properties;
  const updated = updatedOn === undefined ? {} : { updatedAt: updatedOn.getTime() };
  return { path, state: stateOf(properties), ...described(properties), ...updated, ...labelled(properties) };
}

export function toVersion(properties: SecretProperties & { readonly version: string }): AzureVersionSummary {
  return { version: properties.version, state: stateOf(properties), ...described(properties) };
}

export function toDeleted({ properties, deletedOn, scheduledPurgeDate }: DeletedSecret): DeletedSecretSummary {
  return {
    ...toSummary(properties),
    ...(deletedOn === undefined ? {} : { deletedAt: deletedOn.getTime() }),
    ...(scheduledPurgeDate === undefined ? {} : { purgeAt: scheduledPurgeDate.getTime() }),
  };
}
