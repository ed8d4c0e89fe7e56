import { isSecretsError, type Provider } from "@keyhold/core";
import { findLeak } from "../find-leak.ts";

/** What is wrong with an error that a driver gave, or undefined. */
export function errorProblem(error: unknown, secrets: readonly string[]): string | undefined {
  if (!isSecretsError(error))
    return `it is no SecretsError but ${error instanceof Error ? `a ${error.constructor.name}` : typeof error}`;
  const known = ["message", "stack", "code", "retryable", "retryAfterMs", "provider", "reference", "hint", "errors"];
  const extra = Reflect.ownKeys(error).find((key) => !known.includes(String(key)));
  if (extra !== undefined) return `it carries ${String(extra)}, which may hold what the vendor's error held`;
  const leak = findLeak(error, secrets);
  if (leak !== undefined) return `${leak} shows a value or a credential`;
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined && !(Number.isFinite(retryAfterMs) && retryAfterMs >= 0))
    return "retryAfterMs is no length of time";
  for (const inner of error.errors ?? []) {
    const problem = errorProblem(inner, secrets);
    if (problem !== undefined) return `one of its errors is wrong: ${problem}`;
  }
  return undefined;
}

const methods = [
  "read",
  "readMany",
  "probe",
  "write",
  "remove",
  "list",
  "versions",
  "renew",
  "revoke",
  "check",
  "close",
] as const;

/** The same provider; `onError` sees whatever its calls fail with. */
export function observe(provider: Provider, onError: (error: unknown, method: string) => void): Provider {
  const observed: Record<string, unknown> = { kind: provider.kind, features: provider.features };
  const { watch } = provider;
  for (const name of methods) {
    const method = provider[name] as ((...args: unknown[]) => Promise<unknown>) | undefined;
    if (method === undefined) continue;
    observed[name] = async (...args: unknown[]) => {
      try {
        const outcome = await method.apply(provider, args);
        if (name === "readMany") for (const one of outcome as unknown[]) if (one instanceof Error) onError(one, name);
        return outcome;
      } catch (error) {
        onError(error, name);
        throw error;
      }
    };
  }
  if (watch !== undefined) {
    observed.watch = async function* (...args: Parameters<typeof watch>) {
      try {
        yield* watch.apply(provider, args);
      } catch (error) {
        onError(error, "watch");
        throw error;
      }
    };
  }
  return observed as unknown as Provider;
}
