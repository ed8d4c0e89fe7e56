import { loadAge, withoutArmor } from "./age.ts";
import { fail } from "./errors.ts";
import type { Identities } from "./identity.ts";

/** Encrypts text to all recipients, as an armored age file. */
export async function encryptStore(text: string, recipients: readonly string[]): Promise<Buffer> {
  const { Encrypter, armor } = await loadAge();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return Buffer.from(armor.encode(await encrypter.encrypt(text)));
}

/**
 * Decrypts an age file.
 *
 * @throws SecretsError `permission-denied` when none of these keys opens it, `decode` when it is damaged.
 */
export async function decryptStore(bytes: Uint8Array, identities: Identities): Promise<string> {
  const { Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  for (const key of identities.keys) decrypter.addIdentity(key);
  try {
    const plain = await decrypter.decrypt(await withoutArmor(bytes));
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("no identity matched")) {
      throw fail(
        "permission-denied",
        "your key does not open the store",
        `Ask somebody who can open it to add your recipient ${identities.recipients.join(" or ")}; or give the right key.`,
      );
    }
    throw fail(
      "decode",
      "the store is damaged: it does not decrypt",
      "Bring it back from version control or a backup. It was left as it is.",
    );
  }
}
