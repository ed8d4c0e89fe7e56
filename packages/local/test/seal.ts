import { writeFileSync } from "node:fs";
import { armor, Encrypter } from "age-encryption";

/** Puts an age file with this text where a store would lie, as any other program could. */
export async function seal(path: string, text: string, ...recipients: readonly string[]): Promise<void> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  writeFileSync(path, armor.encode(await encrypter.encrypt(text)), { mode: 0o600 });
}
