import { isSecretsError, SecretsError } from "@keyhold/core";
import { ask } from "./ask.ts";

/**
 * Asks for the passphrase of an identity on the terminal, without echo: `local({ passphrase: askPassphrase })`.
 *
 * @throws SecretsError `unauthenticated` when there is no terminal to ask on, `aborted` when the input ends.
 */
export async function askPassphrase(): Promise<string> {
  try {
    return await ask("Passphrase of your Keyhold identity: ", { echo: false });
  } catch (error) {
    if (!isSecretsError(error, "unsupported")) throw error;
    throw new SecretsError(
      "unauthenticated",
      "the identity is wrapped in a passphrase, and there is no terminal to ask for it on",
      {
        hint: "Run this in a terminal, or use an identity without a passphrase: KEYHOLD_IDENTITY_FILE names its file.",
      },
    );
  }
}
