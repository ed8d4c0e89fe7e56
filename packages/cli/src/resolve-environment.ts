import { loadConfig, type Source } from "@keyhold/config";
import { type Secrets, SecretsError, type StandardSchema } from "@keyhold/core";

export type Environment = Readonly<Record<string, string>>;

/** Variables that hold Keyhold's own key: what is run gets the secrets it was given, not the key to all of them. */
const identityVariables: ReadonlySet<string> = new Set(["KEYHOLD_IDENTITY", "KEYHOLD_IDENTITY_FILE"]);

const asItIs: StandardSchema<unknown, Environment> = {
  "~standard": { version: 1, vendor: "keyhold", validate: (value) => ({ value: value as Environment }) },
};

/**
 * The environment for what is run: references become values, as `loadConfig` does it, and Keyhold's identity is taken out. A
 * variable without a reference to one of `providers` stays as it is, whatever else it holds.
 *
 * @throws SecretsError with everything that failed, by the names of the variables.
 */
export async function resolveEnvironment(
  environment: Environment,
  secrets: Secrets<string>,
  providers: readonly string[],
): Promise<Environment> {
  const own = Object.entries(environment).filter(([name]) => !identityVariables.has(name));
  const referring = own.filter(([, value]) => hasReference(value, providers));
  if (referring.length === 0) return Object.fromEntries(own);
  const resolved: Environment = await loadConfig({
    secrets,
    sources: [variables(referring)],
    schema: asItIs,
    plain: referring.map(([name]) => asPath(name)),
  });
  const withNul = Object.keys(resolved).find((name) => resolved[name]?.includes("\0"));
  if (withNul !== undefined) {
    throw new SecretsError("decode", `${withNul}: the value holds a NUL character, which no environment can`, {
      hint: "Give the program a file, or let it read the secret itself.",
    });
  }
  // What is optional and not there has no variable.
  const others = own.filter(([name, value]) => !hasReference(value, providers) || Object.hasOwn(resolved, name));
  return { ...Object.fromEntries(others), ...resolved };
}

/** Variables under their own names, which `fromEnvironment` would turn into paths. */
function variables(entries: readonly (readonly [name: string, value: string])[]): Source {
  const place = { source: "environment" };
  const literals = entries.map(([name, value]) => [name, { kind: "literal", value, place }] as const);
  return { read: async () => [{ kind: "map", entries: new Map(literals), place }] };
}

/** Whether a text is a reference to one of the providers, or holds `${reference}`. */
export function hasReference(value: string, providers: readonly string[]): boolean {
  return providers.some((name) => value.startsWith(`${name}://`)) || /\$\{[A-Za-z][A-Za-z0-9+._-]*:\/\//.test(value);
}

/** A variable's name as one segment of a config path. */
const asPath = (name: string): string => (/^[^\s."\p{Cc}]+$/u.test(name) ? name : JSON.stringify(name));
