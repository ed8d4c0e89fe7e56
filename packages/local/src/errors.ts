import { type ErrorCode, SecretsError } from "@keyhold/core";

/** An error of this package's providers. A path may stand in the message, a value or a reference never does. */
export function fail(
  code: ErrorCode,
  message: string,
  hint: string,
  options: { retryable?: boolean; provider?: string } = {},
): SecretsError {
  return new SecretsError(code, message, { provider: "local", hint, ...options });
}

interface Meaning {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

const full: Meaning = {
  code: "unavailable",
  message: "there is no room left to write it",
  hint: "Free some space, or raise the quota or the file size limit (ulimit -f). Nothing was changed.",
};
const denied: Meaning = {
  code: "permission-denied",
  message: "the system refused access to it",
  hint: "Check who owns the file and its folder, and their modes.",
};
const readOnly: Meaning = {
  code: "unsupported",
  message: "it lies on a read-only file system",
  hint: "Reading works there. Write from where the file system is writable.",
};
const missing: Meaning = { code: "unavailable", message: "its folder does not exist", hint: "Create the folder first." };
const notAFile: Meaning = { code: "invalid-argument", message: "it is not a file", hint: "Give the path of a file." };
const exhausted: Meaning = {
  code: "unavailable",
  message: "this process has too many files open",
  hint: "Close some, or raise the limit (ulimit -n).",
};
const noLinks: Meaning = {
  code: "unsupported",
  message: "its file system cannot create a file without a risk of overwriting one",
  hint: "Use a file system with hard links, such as ext4, APFS or NTFS.",
};

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  EACCES: denied,
  EPERM: denied,
  EROFS: readOnly,
  ENOENT: missing,
  EISDIR: notAFile,
  ENOTDIR: notAFile,
  ENXIO: notAFile,
  EMFILE: exhausted,
  ENFILE: exhausted,
  ENOTSUP: noLinks,
  EOPNOTSUPP: noLinks,
};

/** The system's code of a thrown value, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Turns what a file operation threw into a typed error. `what` is "the store", `path` where it lies. */
export function fileError(error: unknown, what: string, path: string, provider = "local"): SecretsError {
  if (error instanceof SecretsError) return error;
  const code = systemCode(error);
  const meaning = code === undefined ? undefined : meanings[code];
  if (meaning) {
    return fail(meaning.code, `${what} ${path}: ${meaning.message} (${code})`, meaning.hint, { retryable: false, provider });
  }
  const hint = "See what the system's log says about this disk.";
  return fail("unavailable", `${what} ${path} cannot be used (${code ?? "unknown error"})`, hint, { provider });
}
