import path from "node:path";
import { isSecret, isSecretsError, type Secret } from "@keyhold/core";
import { isAgeFile, loadAge } from "./age.ts";
import { readCheckedFile } from "./checked-file.ts";
import { fail } from "./errors.ts";
import { unwrapWithPassphrase } from "./passphrase.ts";
import { defaultIdentityPath } from "./paths.ts";

export interface IdentityOptions {
  /** The text of the key, `AGE-SECRET-KEY-1…`, or of a whole identity file. Default: `KEYHOLD_IDENTITY`. */
  readonly identity?: string | Secret;
  /** The file that holds the key. Default: `KEYHOLD_IDENTITY_FILE`, otherwise `defaultIdentityPath()`. */
  readonly identityPath?: string;
  /**
   * Asked once, when the identity turns out to be wrapped in a passphrase. Its answer is not kept. The deadline of the call
   * that waits goes on: a person may need a longer one, and the next call does not ask again.
   */
  readonly passphrase?: () => string | Promise<string>;
}

/** The keys that open a store, and what they are called as recipients. */
export interface Identities {
  readonly keys: readonly string[];
  readonly recipients: readonly string[];
}

/** Where an identity comes from: the text itself, or a file. */
export type IdentitySource =
  | { readonly kind: "text"; readonly text: () => string }
  | { readonly kind: "file"; readonly path: string; readonly isDefault: boolean };

/**
 * Decides where the identity comes from. It reads no file.
 *
 * @throws SecretsError `invalid-argument` when two sources are given at once, or a key stands where a path belongs.
 */
export function identitySource({ identity, identityPath }: IdentityOptions): IdentitySource {
  const { KEYHOLD_IDENTITY: text, KEYHOLD_IDENTITY_FILE: file } = process.env;
  if (identity !== undefined && identityPath !== undefined) {
    throw fail("invalid-argument", "identity and identityPath are both given", "Give one of them.");
  }
  if (identity !== undefined) return { kind: "text", text: () => (isSecret(identity) ? identity.text() : identity) };
  if (identityPath !== undefined) return fileSource(identityPath, false);
  if (text && file) {
    throw fail("invalid-argument", "KEYHOLD_IDENTITY and KEYHOLD_IDENTITY_FILE are both set", "Unset one of them.");
  }
  if (text) return { kind: "text", text: () => text };
  return fileSource(defaultIdentityPath(), !file);
}

function fileSource(file: string, isDefault: boolean): IdentitySource {
  if (/AGE-SECRET-KEY-/i.test(file)) {
    throw fail(
      "invalid-argument",
      "a secret key stands where the path of its file belongs",
      "Give a key as text through KEYHOLD_IDENTITY.",
    );
  }
  return { kind: "file", path: path.resolve(file), isDefault };
}

const maxBytes = 1024 * 1024;

/** Reads and, where it is wrapped, opens the identity. Undefined when its file does not exist. */
export async function loadIdentities(
  source: IdentitySource,
  passphrase: IdentityOptions["passphrase"],
): Promise<Identities | undefined> {
  if (source.kind === "text") return openIdentities(Buffer.from(source.text()), passphrase);
  // A file that was named may be a mount, which is a link to a file that its group may read; the user's own may not.
  const rules = { what: "the identity file", maxBytes, followLink: !source.isDefault, private: source.isDefault };
  const file = await readCheckedFile(source.path, rules);
  return file && openIdentities(file.bytes, passphrase);
}

async function openIdentities(bytes: Uint8Array, passphrase: IdentityOptions["passphrase"]): Promise<Identities> {
  const text = isAgeFile(bytes)
    ? await unwrapWithPassphrase(bytes, () => askPassphrase(passphrase))
    : Buffer.from(bytes).toString("utf8");
  const keys = parseIdentities(text);
  const { identityToRecipient } = await loadAge();
  try {
    return { keys, recipients: await Promise.all(keys.map(identityToRecipient)) };
  } catch {
    // The library's message may hold a part of the key.
    throw fail("unauthenticated", "the identity is no valid age key", "Copy all of it: a missing or changed character shows.");
  }
}

/** Asks. @throws SecretsError `unauthenticated` when there is nobody to ask, or no answer. */
export async function askPassphrase(passphrase: IdentityOptions["passphrase"]): Promise<string> {
  if (passphrase === undefined) {
    throw fail(
      "unauthenticated",
      "the identity is wrapped in a passphrase, and nobody can be asked for it",
      "Pass local({ passphrase }), or use an identity without one.",
    );
  }
  let answer: unknown;
  try {
    answer = await passphrase();
  } catch (error) {
    // The function may know better than we do what to say, such as where no terminal is.
    if (isSecretsError(error)) throw error;
    throw fail("unauthenticated", "asking for the passphrase failed", "See what the passphrase function does.");
  }
  if (typeof answer !== "string" || answer === "") throw fail("unauthenticated", "no passphrase was given", "Try again.");
  return answer;
}

/**
 * The keys in an identity file as age-keygen writes it: one a line, beside empty lines and comments.
 *
 * @throws SecretsError `unauthenticated` for a file without a key, `unsupported` for keys of plugins and SSH keys.
 */
function parseIdentities(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  for (const key of keys) {
    if (key.startsWith("AGE-PLUGIN-")) {
      throw fail(
        "unsupported",
        "the identity needs an age plugin, and plugins are not supported",
        "Use a key made by keyhold init or age-keygen.",
      );
    }
    if (key.startsWith("-----BEGIN")) {
      throw fail(
        "unsupported",
        "the identity is an SSH or PEM key, which is not supported",
        "Use a key made by keyhold init or age-keygen.",
      );
    }
    if (!/^AGE-SECRET-KEY-(PQ-)?1/.test(key)) {
      throw fail(
        "unauthenticated",
        "the identity has a line that is no age key",
        "A key begins with AGE-SECRET-KEY-1; comments begin with #.",
      );
    }
  }
  if (keys.length === 0) throw fail("unauthenticated", "the identity holds no key", "Make one with: npx keyhold init");
  return keys;
}
