import { formatReference, parseReference } from "@keyhold/core";

/**
 * The reference that an operand means: a bare name is one of the local store.
 *
 * @throws SecretsError `invalid-argument` when it is malformed.
 */
export function toReference(operand: string): string {
  return formatReference(parseReference(operand.includes("://") ? operand : `local://${operand}`));
}
