import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";
import type { AzureVersionSummary } from "./azure-provider.ts";
import { toVersion } from "./to-record.ts";
import type { SecretProperties, Transport } from "./transport.ts";

/**
 * All versions of a secret, newest first. Key Vault gives them in the order of their ids, so nothing is sorted before all are there;
 * and it keeps whole seconds, so of several made in the newest second the current one is asked for.
 */
export async function listVersions(
  transport: Transport,
  name: string,
  context: CallContext,
): Promise<readonly AzureVersionSummary[]> {
  const versions: AzureVersionSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await transport.listSecretVersions(name, cursor, context);
    versions.push(...page.items.filter(hasVersion).map(toVersion));
    cursor = page.next;
  } while (cursor !== undefined);
  if (versions.length === 0) throw new SecretsError("not-found", "there is no such secret", { provider: "azure" });
  versions.sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0));
  if (versions[0]?.createdAt !== versions[1]?.createdAt) return versions;
  const current = await currentVersion(transport, name, context);
  return versions.sort((a, b) => Number(b.version === current) - Number(a.version === current));
}

const hasVersion = (properties: SecretProperties): properties is SecretProperties & { readonly version: string } =>
  properties.version !== undefined;

/** Undefined where it may not be read, or is disabled: then the order within that second stays open. */
async function currentVersion(transport: Transport, name: string, context: CallContext): Promise<string | undefined> {
  try {
    return (await transport.getSecret(name, undefined, context)).properties.version;
  } catch (error) {
    if (isSecretsError(error, "permission-denied")) return undefined;
    throw error;
  }
}
