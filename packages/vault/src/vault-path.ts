import { SecretsError } from "@keyhold/core";

/**
 * A path that means what it says. Vault's server resolves dot segments and doubled slashes, also encoded ones, so such a path
 * would reach another secret.
 *
 * @throws SecretsError `invalid-argument`.
 */
export function checkedPath(path: string): string {
  if (path.split("/").some((segment) => segment === "" || segment === "." || segment === "..") || !path.isWellFormed()) {
    throw new SecretsError("invalid-argument", "a path in Vault has no empty segment, no . and no ..", {
      provider: "vault",
      hint: "Write it as Vault's CLI has it: secret/app, without a slash at either end.",
    });
  }
  return path;
}

/** The path as a URL has it: each segment percent-encoded, the slashes kept. */
export const encodedPath = (path: string): string => checkedPath(path).split("/").map(encodeURIComponent).join("/");

/** Without slashes at either end, for what users give as mounts. */
export const trimmedPath = (path: string): string => path.replace(/^\/+|\/+$/g, "");
