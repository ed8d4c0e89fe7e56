import { type CallContext, type Content, contentVersion, type Locator, type SecretRecord, SecretsError } from "@keyhold/core";
import type { Transport } from "./transport.ts";
import { fetchValue, showVariable, type Variable } from "./variables.ts";

/** Conjur counts versions from 1; anything else would be a server's error there, and names none. */
const isVersion = (version: string) => /^[1-9]\d{0,8}$/.test(version);

/** Without `version`: there is none at all. */
export const noSuchVersion = (version?: string): SecretsError =>
  new SecretsError("not-found", version === undefined ? "the variable has no value" : "the variable has no such version", {
    provider: "conjur",
    hint: "Conjur numbers versions from 1 and keeps the newest twenty.",
  });

/** A record of the newest version of `variable`. */
export function toRecord({ versions: [newest], labels }: Variable, value: Uint8Array): SecretRecord {
  const content: Content = { kind: "opaque", value };
  return {
    content,
    version: newest?.version ?? contentVersion(content),
    ...(newest?.expiresAt === undefined ? {} : { expiresAt: newest.expiresAt }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Refuses what only other backends have. */
export function refuseStage({ stage }: Locator): void {
  if (stage === undefined) return;
  throw new SecretsError("unsupported", "Conjur has no stages", { provider: "conjur", hint: "Name a version: ?version=3." });
}

/**
 * Reads one variable. An answer with a value has no version, so the newest one is asked for first, and then its value: two requests,
 * and never the value of one version under the number of another.
 */
export async function readVariable(transport: Transport, locator: Locator, context: CallContext): Promise<SecretRecord> {
  refuseStage(locator);
  const { path, version } = locator;
  if (version !== undefined) {
    if (!isVersion(version)) throw noSuchVersion(version);
    return { content: { kind: "opaque", value: await fetchValue(transport, locator, context) }, version };
  }
  const variable = await showVariable(transport, path, context);
  // Without a version it has no value, which Conjur then says, or is a dynamic secret, whose value is made now.
  const value = await fetchValue(transport, { path, version: variable.versions[0]?.version }, context);
  return toRecord(variable, value);
}
