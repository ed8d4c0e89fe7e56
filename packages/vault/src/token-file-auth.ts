import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { SecretsError } from "@keyhold/core";
import type { VaultAuth } from "./auth.ts";
import { given, lookedUp } from "./login.ts";

/** The text of a file that holds a credential. @throws SecretsError `unauthenticated`. */
export async function credentialFile(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    throw new SecretsError(
      "unauthenticated",
      `the file of ${what} cannot be read${typeof code === "string" ? ` (${code})` : ""}`,
      {
        provider: "vault",
        hint: "Check its path, and that this process may read it.",
      },
    );
  }
}

/**
 * A token in a file, such as the sink of a Vault Agent. Read again whenever the token has ended.
 *
 * @param options `path`: default `~/.vault-token`, where `vault login` leaves it.
 */
export function tokenFileAuth(options: { readonly path?: string } = {}): VaultAuth {
  const method = "token file";
  const { path: file = path.join(homedir(), ".vault-token") } = options;
  return {
    method,
    issuesTokens: false,
    login: async (login) => lookedUp(await given(() => credentialFile(file, "Vault's token"), method), method, login),
  };
}
