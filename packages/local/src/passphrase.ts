import { isSecretsError, type SecretsError } from "@keyhold/core";
import type { Identity, Recipient } from "age-encryption";
import { loadAge, withoutArmor } from "./age.ts";
import { fail } from "./errors.ts";

// The library computes scrypt in JavaScript and blocks the event loop for over a second. These two do the same through
// node:crypto's thread pool. The format: https://github.com/C2SP/C2SP/blob/main/age.md#the-scrypt-recipient-type
const label = "age-encryption.org/v1/scrypt";
const workFactor = 18;
/** 2^20 blocks take 1 GiB and some 6 s: more is not a file that somebody made for use. */
const maxWorkFactor = 20;

function deriveKey(passphrase: string, salt: Uint8Array, logN: number): Promise<Buffer> {
  const { scrypt } = process.getBuiltinModule("node:crypto");
  const N = 2 ** logN;
  const labelled = Buffer.concat([Buffer.from(label), salt]);
  return new Promise((resolve, reject) => {
    scrypt(passphrase, labelled, 32, { N, r: 8, p: 1, maxmem: 2 * 128 * 8 * N }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

const zeroNonce = new Uint8Array(12);
const unpadded = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replaceAll("=", "");

function seal(key: Uint8Array, fileKey: Uint8Array): Buffer {
  const { createCipheriv } = process.getBuiltinModule("node:crypto");
  const cipher = createCipheriv("chacha20-poly1305", key, zeroNonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when the key is not the one that sealed it. */
function unseal(key: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  const { createDecipheriv } = process.getBuiltinModule("node:crypto");
  const decipher = createDecipheriv("chacha20-poly1305", key, zeroNonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, 16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Wraps an identity file in a passphrase, as `age -p -a` does. The work is 2 to the power of `logN`: 0.5 s for the default. */
export async function wrapWithPassphrase(text: string, passphrase: string, logN: number = workFactor): Promise<string> {
  const { Encrypter, Stanza, armor } = await loadAge();
  const recipient: Recipient = {
    async wrapFileKey(fileKey) {
      const salt = process.getBuiltinModule("node:crypto").randomBytes(16);
      const key = await deriveKey(passphrase, salt, logN);
      return [new Stanza(["scrypt", unpadded(salt), String(logN)], seal(key, fileKey))];
    },
  };
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(text));
}

/**
 * Opens an identity file that a passphrase wraps.
 *
 * @throws SecretsError `unauthenticated` for a wrong passphrase, `decode` for a damaged file, `unsupported` when it was
 * wrapped in something else.
 */
export async function unwrapWithPassphrase(bytes: Uint8Array, askPassphrase: () => Promise<string>): Promise<string> {
  const { Decrypter } = await loadAge();
  const identity: Identity = {
    async unwrapFileKey(stanzas) {
      const [stanza] = stanzas;
      if (stanzas.length !== 1 || stanza?.args[0] !== "scrypt") {
        throw fail(
          "unsupported",
          "the identity file is encrypted to a key, not by a passphrase",
          "Decrypt it with age, or wrap it with age -p.",
        );
      }
      const logN = Number(stanza.args[2]);
      const salt = Buffer.from(stanza.args[1] ?? "", "base64");
      if (
        stanza.args.length !== 3 ||
        salt.length !== 16 ||
        stanza.body.length !== 32 ||
        !/^[1-9][0-9]?$/.test(stanza.args[2] ?? "")
      ) {
        throw damaged();
      }
      if (logN > maxWorkFactor)
        throw fail("unsupported", "the identity file asks for too much work", "Wrap it again with age -p.");
      const fileKey = unseal(await deriveKey(await askPassphrase(), salt, logN), stanza.body);
      if (fileKey === undefined) throw fail("unauthenticated", "the passphrase does not open the identity file", "Try again.");
      return fileKey;
    },
  };
  try {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return await decrypter.decrypt(await withoutArmor(bytes), "text");
  } catch (error) {
    throw isSecretsError(error) ? error : damaged();
  }
}

function damaged(): SecretsError {
  return fail("decode", "the identity file is damaged", "Bring it back from a backup. It was left as it is.");
}
