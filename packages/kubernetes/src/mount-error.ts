import { type ErrorCode, SecretsError } from "@keyhold/core";

export const fail = (code: ErrorCode, message: string, hint: string): SecretsError =>
  new SecretsError(code, message, { provider: "kubernetes-volume", hint, retryable: false });

export const systemCode = (error: unknown): string => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : "";
};

const absent: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/** Whether a file operation failed because something is not there. */
export const isAbsent = (error: unknown): boolean => absent.has(systemCode(error));

/** What a file operation threw, as a typed error. No path from a reference stands in it. */
export function mountError(error: unknown, what: string): SecretsError {
  if (error instanceof SecretsError) return error;
  const code = systemCode(error);
  if (code === "EACCES" || code === "EPERM")
    return fail("permission-denied", `${what} may not be read`, "Set the volume's defaultMode or the pod's fsGroup.");
  if (code === "EMFILE" || code === "ENFILE")
    return fail("unavailable", "this process has too many files open", "Close some, or raise the limit (ulimit -n).");
  return fail(
    "unavailable",
    `${what} cannot be read (${code || "unknown error"})`,
    "See what the node's log says of the volume.",
  );
}
