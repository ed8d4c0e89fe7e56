import { type Reference, SecretsError } from "@keyhold/core";

/** Which references a deployment may use: by its name, the prefixes that belong to it. */
export type Guard = Readonly<Record<string, readonly string[]>>;

interface Prefix {
  readonly provider: string;
  readonly path: string;
}

function parsePrefix(text: string): Prefix {
  const [, provider, rawPath] = /^([A-Za-z][A-Za-z0-9+._-]{0,62}):\/\/([^?#]*)$/.exec(text) ?? [];
  try {
    if (provider !== undefined && rawPath !== undefined) return { provider, path: decodeURIComponent(rawPath) };
  } catch {
    // A broken escape is refused like any other malformed prefix.
  }
  throw new SecretsError("invalid-argument", "a malformed prefix in guard", { hint: "Write them like aws://prod/ or aws://." });
}

/**
 * Says why this deployment may not use a reference, or undefined. A deployment that the guard names uses its own prefixes only;
 * no other deployment may use them.
 *
 * @throws SecretsError `invalid-argument` for a guard without a deployment, or a malformed prefix.
 */
export function createGuard(
  guard: Guard | undefined,
  deployment: string | undefined,
): (reference: Reference) => string | undefined {
  if (guard === undefined) return () => undefined;
  if (deployment === undefined) {
    throw new SecretsError("invalid-argument", "a guard needs a deployment", {
      hint: "Give deployment too: what the guard allows depends on it.",
    });
  }
  const own = Object.hasOwn(guard, deployment) ? (guard[deployment] as readonly string[]).map(parsePrefix) : undefined;
  const foreign = Object.entries(guard).flatMap(([name, prefixes]) => (name === deployment ? [] : prefixes.map(parsePrefix)));
  return (reference) => {
    if (own?.some((prefix) => prefix.provider === reference.provider && reference.path.startsWith(prefix.path))) return undefined;
    if (own !== undefined) return `deployment ${deployment} may use its own prefixes only`;
    // Without case, because some backends ignore it: a guard must not be passed by other spelling.
    const path = reference.path.toLowerCase();
    const isForeign = foreign.some(
      (prefix) => prefix.provider === reference.provider && path.startsWith(prefix.path.toLowerCase()),
    );
    return isForeign ? `this prefix belongs to another deployment than ${deployment}` : undefined;
  };
}
