import { SecretsError } from "./errors.ts";
import { parseReference } from "./reference.ts";

/** The provider and the start of paths that a prefix names. @throws SecretsError `invalid-argument`. */
export function parseListPrefix(prefix: string): { readonly provider: string; readonly path: string } {
  // The path may be empty, which no reference's may.
  const all = /^([^:]+):\/\/$/.exec(prefix);
  if (all) return { provider: all[1] as string, path: "" };
  const { provider, path, ...more } = parseReference(prefix);
  if (Object.keys(more).length === 0) return { provider, path };
  throw new SecretsError("invalid-argument", "list takes a prefix of paths, without version, stage and field");
}
