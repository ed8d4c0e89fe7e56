import type { Content } from "./content.ts";
import { isSecretsError } from "./errors.ts";
import type { CallContext, Provider } from "./provider.ts";
import { parseRecord, pendingPath } from "./rotation-record.ts";
import { type Secret, secretFromContent } from "./secret.ts";
import type { Target } from "./target.ts";

/**
 * The value that a rotation under way is about to make current. Where there is none, the current one: what was pending may have become
 * it since the caller has read. Undefined where neither can be read.
 */
export async function findPending(provider: Provider, target: Target, context: CallContext): Promise<Secret | undefined> {
  const { locator, field, reference } = target;
  if (locator.version !== undefined || locator.stage !== undefined) return undefined;
  if (provider.pending === undefined && provider.write === undefined) return undefined;
  try {
    const pending = await pendingOf(provider, target, context).catch((error) => {
      // Not for this caller to read, or damaged: as if nobody rotated.
      if (isSecretsError(error, "not-found", "permission-denied", "conflict", "invalid-argument")) return undefined;
      throw error;
    });
    const { content, version } = pending ?? (await provider.read(locator, context));
    const whole = secretFromContent(content, version, reference);
    return field === undefined ? whole : whole.field(field);
  } catch (error) {
    if (isSecretsError(error)) return undefined;
    throw error;
  }
}

async function pendingOf(
  provider: Provider,
  { locator: { path }, pathKey }: Target,
  context: CallContext,
): Promise<{ readonly content: Content; readonly version?: string } | undefined> {
  const stage = provider.pending?.stage;
  if (stage !== undefined) return provider.read({ path, stage }, context);
  const { content } = await provider.read({ path: pendingPath(path) }, context);
  const record = parseRecord(content, pathKey);
  return record && { content: record.pending };
}
