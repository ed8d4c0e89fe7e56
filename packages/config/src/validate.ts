import type { StandardIssue, StandardResult, StandardSchema } from "@keyhold/core";

/** Validates. What a transform throws may quote a value, and all libraries let it through: it becomes `undefined`. */
export async function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  input: unknown,
): Promise<StandardResult<Output> | undefined> {
  try {
    if (!isZod(schema)) return await schema["~standard"].validate(input);
    const parsed = await schema.safeParseAsync(input);
    return parsed.success ? { value: parsed.data } : { issues: parsed.error.issues };
  } catch {
    return undefined;
  }
}

/**
 * Zod's own `validate` tries synchronously first, and abandons the promises of asynchronous refinements: when one rejects, the
 * process ends with an unhandled rejection that may quote the value. This method of all its schemas does not.
 */
interface ZodSchema<Output> {
  safeParseAsync(
    input: unknown,
  ): Promise<{ success: true; data: Output } | { success: false; error: { issues: readonly StandardIssue[] } }>;
}

function isZod<Output>(schema: StandardSchema<unknown, Output>): schema is StandardSchema<unknown, Output> & ZodSchema<Output> {
  return schema["~standard"].vendor === "zod" && typeof (schema as Partial<ZodSchema<Output>>).safeParseAsync === "function";
}
