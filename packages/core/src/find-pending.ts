import { isSecretsError } from "./errors.ts";
import type { CallContext, Provider } from "./provider.ts";
import { parseRecord, pendingPath } from "./rotation-record.ts";
import { type Secret, secretFromContent } from "./secret.ts";
import type { Target } from "./target.ts";

/** The value that a rotation under way is about to make current; undefined where there is none, or none that can be read. */
export async function findPending(provider: Provider, target: Target, context: CallContext): Promise<Secret | undefined> {
  const { locator, field, reference, pathKey } = target;
  if (locator.version !== undefined || locator.stage !== undefined) return undefined;
  if (provider.pending === undefined && provider.write === undefined) return undefined;
  try {
    const stage = provider.pending?.stage;
    const place = stage === undefined ? { path: pendingPath(locator.path) } : { path: locator.path, stage };
    const { content, version } = await provider.read(place, context);
    const found = stage === undefined ? parseRecord(content, pathKey)?.pending : content;
    const whole = found && secretFromContent(found, stage === undefined ? undefined : version, reference);
    return field === undefined ? whole : whole?.field(field);
  } catch (error) {
    // Whoever asks goes on as if nobody rotated.
    if (isSecretsError(error)) return undefined;
    throw error;
  }
}
