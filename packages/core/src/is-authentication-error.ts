const sqlStates = new Set(["28P01", "28000"]);

/**
 * Whether an error says that a backend refused the credential it was given: HTTP status 401, SQLSTATE 28P01 and 28000
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html), Redis WRONGPASS and NOAUTH, or a `SecretsError` with `unauthenticated`.
 */
export function isAuthenticationError(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { code, status, statusCode, response, message } = error as Record<string, unknown>;
  if (status === 401 || statusCode === 401 || (response as { status?: unknown } | undefined)?.status === 401) return true;
  if (typeof code === "string" && (sqlStates.has(code) || code === "unauthenticated")) return true;
  return typeof message === "string" && /^(WRONGPASS|NOAUTH)\b/.test(message);
}
