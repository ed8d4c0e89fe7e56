import { loadAge } from "./age.ts";
import { fail } from "./errors.ts";

/** X25519 (`age1…`), or hybrid with ML-KEM-768 (`age1pq1…`), which a quantum computer does not open either. */
export type RecipientKind = "x25519" | "hybrid";

/**
 * The kind of a recipient, after the library has accepted it.
 *
 * @throws SecretsError `unsupported` for recipients of plugins and SSH keys, `invalid-argument` for what is none.
 */
export async function recipientKind(recipient: string): Promise<RecipientKind> {
  if (/AGE-(SECRET-KEY|PLUGIN)-/i.test(recipient)) {
    throw fail(
      "invalid-argument",
      "this is an identity, not a recipient",
      "Never pass a secret key on. Its recipient begins with age1.",
    );
  }
  if (recipient.startsWith("ssh-")) {
    throw fail("unsupported", "SSH keys are not supported as recipients", "Make an age key with keyhold init or age-keygen.");
  }
  // The data of a native recipient has no "1" in it, so a second one ends a plugin's name: age1yubikey1…, age1tag1….
  const plugin = /^age1([a-z0-9-]+)1/.exec(recipient)?.[1];
  if (plugin !== undefined && plugin !== "pq") {
    throw fail(
      "unsupported",
      `this recipient needs the plugin age-plugin-${plugin}, and plugins are not supported`,
      "Use a recipient of the form age1… or age1pq1…, as keyhold init or age-keygen make it.",
    );
  }
  const { Encrypter } = await loadAge();
  try {
    new Encrypter().addRecipient(recipient);
  } catch {
    throw fail(
      "invalid-argument",
      "this is no age recipient",
      "A recipient begins with age1. Copy all of it: a missing or changed character shows.",
    );
  }
  return plugin === "pq" ? "hybrid" : "x25519";
}

/**
 * The recipients of one store, each once, in order.
 *
 * @throws SecretsError `invalid-argument` for none, or a mix of kinds: the weakest recipient decides how well a file is protected.
 */
export async function checkRecipients(recipients: readonly string[]): Promise<readonly string[]> {
  const all = [...new Set(recipients)];
  if (all.length === 0) throw fail("invalid-argument", "a store needs a recipient", "Name at least one.");
  const kinds = new Set<RecipientKind>();
  for (const recipient of all) kinds.add(await recipientKind(recipient));
  if (kinds.size > 1) {
    throw fail(
      "invalid-argument",
      "post-quantum and X25519 recipients cannot share a store",
      "The weaker one would decide. Give every recipient an age1pq1… key, or none; or keep two stores.",
    );
  }
  return all;
}
