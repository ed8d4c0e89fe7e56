/** The first of the codes that fits, of what was thrown and of what caused it. */
export function codeOf(thrown: unknown, pattern: RegExp): string | undefined {
  let error = thrown as { readonly code?: unknown; readonly cause?: unknown } | null | undefined;
  for (let depth = 0; depth < 5 && typeof error === "object" && error !== null; depth++) {
    if (typeof error.code === "string" && pattern.test(error.code)) return error.code;
    error = error.cause as typeof error;
  }
  return undefined;
}
