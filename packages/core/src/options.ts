import type { CacheOptions } from "./create-secrets.ts";
import { SecretsError } from "./errors.ts";
import type { Freshness } from "./freshness.ts";
import type { Provider } from "./provider.ts";
import { providerNamePattern } from "./reference.ts";
import type { CacheSettings } from "./secret-cache.ts";

/** The cache sets its places aside when it is made. */
const mostEntries = 1_000_000;

/** A number of at least `least`, or a typed refusal that names the option. */
export function checkedNumber(
  name: string,
  value: number | undefined,
  fallback: number,
  least: number,
  most: number = Number.MAX_VALUE,
): number {
  const chosen = value ?? fallback;
  if (typeof chosen === "number" && chosen >= least && chosen <= most) return chosen;
  const bounds = most === Number.MAX_VALUE ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new SecretsError("invalid-argument", `${name} must be a number ${bounds}`, {
    hint: `Leave ${name} out for its default, ${fallback}.`,
  });
}

function checkedFreshness(name: string, { ttlMs, maxStaleMs }: Partial<Freshness>, fallback: Freshness): Freshness {
  return {
    ttlMs: checkedNumber(`${name}.ttlMs`, ttlMs, fallback.ttlMs, 0),
    maxStaleMs: checkedNumber(`${name}.maxStaleMs`, maxStaleMs, fallback.maxStaleMs, 0),
  };
}

export function cacheSettings(options: CacheOptions = {}): CacheSettings {
  const freshness = checkedFreshness("cache", options, { ttlMs: 300_000, maxStaleMs: 3_600_000 });
  return {
    ...freshness,
    negativeMs: checkedNumber("cache.negativeMs", options.negativeMs, 5_000, 0),
    maxEntries: Math.floor(checkedNumber("cache.maxEntries", options.maxEntries, 1_000, 1, mostEntries)),
    maxBytes: Math.floor(checkedNumber("cache.maxBytes", options.maxBytes, 16 * 1024 * 1024, 1, Number.MAX_SAFE_INTEGER)),
    overrides: Object.entries(options.overrides ?? {}).map(([prefix, override]) => [
      prefix,
      checkedFreshness("cache.overrides", override, freshness),
    ]),
  };
}

/** The providers by name. A `Map`, so that no name reaches a prototype. */
export function checkedProviders(providers: Readonly<Record<string, Provider>>): ReadonlyMap<string, Provider> {
  const entries = Object.entries(providers ?? {});
  for (const [name, provider] of entries) {
    if (!providerNamePattern.test(name)) {
      throw new SecretsError("invalid-argument", "a provider's name is a letter, then letters, digits and + . _ -", {
        hint: "The name is what stands before :// in references.",
      });
    }
    if (typeof provider?.read !== "function") {
      throw new SecretsError("invalid-argument", `providers.${name} is no provider`, {
        hint: "Call the adapter's factory: aws(), local(), …",
      });
    }
  }
  return new Map(entries);
}
