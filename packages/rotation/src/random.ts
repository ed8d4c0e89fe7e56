import { isSecretsError, type Rotator, type Secret, SecretsError } from "@keyhold/core";
import { randomText, type TextPolicy } from "./random-text.ts";

export interface RandomOptions extends TextPolicy {
  /** The key of a JSON document, or of a backend of fields, that is drawn anew; the rest stays. Default: the whole value is the text. */
  readonly field?: string;
}

/**
 * A random text, for what nobody but the readers of the secret has to know: session keys, pepper, tokens between own services.
 *
 * @throws SecretsError `invalid-argument` for a policy that hardly any text fits.
 * @example
 * await secrets.rotate("local://session-key", random({ length: 48 }));
 */
export function random(options: RandomOptions = {}): Rotator {
  const draw = randomText(options);
  const { field } = options;
  return {
    kind: "random",
    create: ({ current }) => (field === undefined ? draw() : { ...documentOf(current, field), [field]: draw() }),
  };
}

function documentOf(current: Secret, field: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = current.json();
  } catch (error) {
    if (!isSecretsError(error, "decode")) throw error;
  }
  if (typeof document === "object" && document !== null && !Array.isArray(document) && Object.hasOwn(document, field)) {
    return document as Readonly<Record<string, unknown>>;
  }
  throw new SecretsError("invalid-argument", `the secret is no document with the field ${field}`, {
    hint: "Name a field that it has; without one, the whole value is drawn anew.",
  });
}
