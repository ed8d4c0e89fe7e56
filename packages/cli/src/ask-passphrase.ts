import { ask } from "./ask.ts";

/**
 * Asks for the passphrase of an identity on the terminal, without echo: `local({ passphrase: askPassphrase })`.
 *
 * @throws SecretsError `unavailable` when there is no terminal to ask on.
 */
export function askPassphrase(): Promise<string> {
  return ask("Passphrase of your Keyhold identity: ", { echo: false });
}
