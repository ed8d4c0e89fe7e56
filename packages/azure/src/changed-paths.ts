import type { ChangeEvent } from "@keyhold/core";

/** A certificate is also the secret of its name. */
const changing = new Set(["Microsoft.KeyVault.SecretNewVersionCreated", "Microsoft.KeyVault.CertificateNewVersionCreated"]);

/**
 * The secret that an event of Event Grid names, in its own schema or as a CloudEvent. `vault`: the origin of the provider's vault;
 * behind a DNS name of one's own, the vault's name counts.
 *
 * https://learn.microsoft.com/azure/event-grid/event-schema-key-vault
 */
export function changedPaths(event: ChangeEvent, vault: string): readonly string[] | undefined {
  const type = event.eventType ?? event.type;
  if (typeof type !== "string" || !type.startsWith("Microsoft.KeyVault.")) return undefined;
  const { data } = event;
  if (!changing.has(type) || typeof data !== "object" || data === null) return [];
  const { Id: id } = data as { readonly Id?: unknown };
  const url = typeof id === "string" ? URL.parse(id) : null;
  if (url === null) return [];
  const [, collection, name, ...rest] = url.pathname.split("/");
  const isNamed = (collection === "secrets" || collection === "certificates") && rest.length <= 1;
  if (!isNamed || name === undefined || !/^[0-9a-zA-Z-]{1,127}$/.test(name)) return [];
  const isOwn = url.origin === vault || firstLabel(url.host) === firstLabel(new URL(vault).host);
  return isOwn ? [name.toLowerCase()] : [];
}

const firstLabel = (host: string): string => (host.split(".")[0] as string).toLowerCase();
