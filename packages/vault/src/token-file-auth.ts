import { SecretsError } from "@keyhold/core";
import type { VaultAuth } from "./auth.ts";
import { given, lookedUp } from "./login.ts";

/** The text of a file that holds a credential. @throws SecretsError `unauthenticated`. */
export async function credentialFile(file: string, what: string): Promise<string> {
  try {
    return await process.getBuiltinModule("node:fs/promises").readFile(file, "utf8");
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
  const { join } = process.getBuiltinModule("node:path");
  const { path: file = join(process.getBuiltinModule("node:os").homedir(), ".vault-token") } = options;
  return {
    method,
    issuesTokens: false,
    login: async (login) => lookedUp(await given(() => credentialFile(file, "Vault's token"), method), method, login),
  };
}
