import { namedError } from "./client-errors.ts";
import type { SecretsError } from "./errors.ts";
import type { NamedProvider } from "./reader.ts";
import { type CallLimits, runCall } from "./run-call.ts";

/** Closes each provider, and tells which could not be. Never rejects, and ends by the deadline. */
export async function closeProviders(
  providers: Iterable<[string, NamedProvider]>,
  limits: CallLimits,
  onFailed: (provider: string, error: SecretsError) => void,
): Promise<void> {
  const closes = [...providers].map(async ([name, { provider }]) => {
    try {
      await runCall(limits, async () => provider.close?.());
    } catch (error) {
      onFailed(name, namedError(error, { provider: name, reference: `${name}://` }, provider.kind));
    }
  });
  await Promise.all(closes);
}
