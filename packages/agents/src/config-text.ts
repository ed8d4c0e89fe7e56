import { formatReference, isSecretsError, parseReference, type Secrets, type SecretsError } from "@keyhold/core";

/** A string of a configuration: the references in it, and the text around them. */
export interface ConfigText {
  readonly parts: readonly (string | { readonly reference: string })[];
  /** Whether a `${…}` is left that is neither a reference nor one of the tool's own variables. */
  readonly isUnresolved: boolean;
}

/** Whether there is a provider of this name, and what it is told otherwise. */
export type ProviderCheck = (name: string) => SecretsError | undefined;

const scheme = /^([A-Za-z][A-Za-z0-9+._-]{0,62}):\/\//;
const inBraces = /(?<!\$)\$\{([^}]*)\}/g;

/** What stands before `://`, if it could be a provider's name. */
export const schemeOf = (text: string): string | undefined => scheme.exec(text)?.[1];

export function providerCheck(secrets: Secrets): ProviderCheck {
  const known = new Map<string, SecretsError | undefined>();
  return (name) => {
    if (!known.has(name)) {
      try {
        // Looks at what is held and calls nobody: the client refuses a name that it does not know.
        const reference: string = `${name}://x`;
        secrets.peek(reference);
        known.set(name, undefined);
      } catch (error) {
        if (!isSecretsError(error, "invalid-argument")) throw error;
        known.set(name, error);
      }
    }
    return known.get(name);
  };
}

const normal = (reference: string): string => formatReference(parseReference(reference));

/**
 * Takes a string apart: a whole reference, one after `Bearer`, text with `${reference}` in it, or with `${NAME}` for one of the
 * `variables` that is a reference. `$${` is no reference.
 *
 * @throws SecretsError `invalid-argument` for a malformed reference, or one in `${…}` to a provider that is not there.
 */
export function parseConfigText(
  text: string,
  check: ProviderCheck,
  variables: ReadonlyMap<string, string> = new Map(),
): ConfigText {
  const bearer = /^bearer\s+(?=[A-Za-z])/i.exec(text)?.[0] ?? "";
  const rest = text.slice(bearer.length);
  const provider = schemeOf(rest);
  if (provider !== undefined && check(provider) === undefined) {
    return { parts: [...(bearer === "" ? [] : [bearer]), { reference: normal(rest) }], isUnresolved: false };
  }
  const parts: ConfigText["parts"][number][] = [];
  let isUnresolved = false;
  let position = 0;
  // Nothing is looked for behind the last brace that closes, where each one that opens would be followed to the end.
  const closed = text.slice(0, text.lastIndexOf("}") + 1);
  for (const { 0: whole, 1: inside = "", index } of closed.matchAll(inBraces)) {
    const name = schemeOf(inside);
    const refusal = name === undefined ? undefined : check(name);
    if (refusal) throw refusal;
    const reference = name === undefined ? variables.get(inside.replace(/^env:/, "")) : normal(inside);
    if (reference === undefined) {
      isUnresolved = true;
      continue;
    }
    if (index > position) parts.push(text.slice(position, index));
    parts.push({ reference });
    position = index + whole.length;
  }
  if (position < text.length || parts.length === 0) parts.push(text.slice(position));
  return { parts, isUnresolved };
}
