import { open, readFile } from "node:fs/promises";
import type { CallContext, Content, Locator, SecretRecord, WriteOptions } from "@keyhold/core";
import { identitySource, loadIdentities } from "../src/identity.ts";
import { decryptStore, encryptStore } from "../src/store-cipher.ts";
import { decodeDocument, encodeDocument } from "../src/store-format.ts";
import { addVersion, checkWrite, findVersion } from "../src/store-operations.ts";
import { recordOf } from "../src/store-views.ts";
import type { Step } from "../src/write-file.ts";

/** As much of a provider as the durability checks call. */
export interface ReadsAndWrites {
  read(locator: Locator, context: CallContext): Promise<SecretRecord>;
  write(locator: Locator, content: Content, options: WriteOptions, context: CallContext): Promise<{ readonly version: string }>;
}

/**
 * The control: the same format, encryption and versions, kept as one would without thinking of it. It reads the file and
 * writes the file. The durability checks must find it out.
 */
export function naiveStore(path: string, identityPath: string, step: Step): ReadsAndWrites {
  const load = async () => {
    const identities = await loadIdentities(identitySource({ identityPath }), undefined);
    return decodeDocument(await decryptStore(await readFile(path), identities!));
  };
  return {
    read: async (locator) => recordOf(findVersion(await load(), locator)),
    async write(locator, content, options, context) {
      const { document, result } = addVersion(
        await load(),
        locator.path,
        checkWrite(locator, content),
        options,
        context.clock.now(),
      );
      step("locked");
      await writeLikeWriteFile(path, await encryptStore(encodeDocument(document), document.recipients), step);
      return { version: result };
    },
  };
}

/** What `writeFile` does: empty the file, then write it in pieces. Spelt out, so that it can be killed in between. */
async function writeLikeWriteFile(path: string, bytes: Uint8Array, step: Step): Promise<void> {
  const handle = await open(path, "w");
  try {
    for (let offset = 0; offset < bytes.length; offset += 64 * 1024) {
      await handle.write(bytes.subarray(offset, offset + 64 * 1024));
      step("partly-written");
    }
    step("before-rename");
  } finally {
    await handle.close();
  }
  step("after-rename");
}
