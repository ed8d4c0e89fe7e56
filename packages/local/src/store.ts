import path from "node:path";
import type { CallContext, SecretsError } from "@keyhold/core";
import { throwIfAborted, untilAborted } from "./abort.ts";
import { fileStamp, readCheckedFile } from "./checked-file.ts";
import { fail, fileError } from "./errors.ts";
import { type Identities, type IdentityOptions, type IdentitySource, loadIdentities } from "./identity.ts";
import { refuseNetworkFileSystem } from "./network-file-system.ts";
import { decryptStore, encryptStore } from "./store-cipher.ts";
import type { StoreDocument } from "./store-document.ts";
import { decodeDocument, encodeDocument } from "./store-format.ts";
import { lockStore, type StoreLock } from "./store-lock.ts";
import { type Changed, eraseRemoved } from "./store-operations.ts";
import { removeLeftovers, replaceFile, type Step } from "./write-file.ts";

/** The largest store, in bytes of its JSON. */
export const maxStoreBytes: number = 32 * 1024 * 1024;
const maxFileBytes = maxStoreBytes * 1.5;

/** One store file, and the identity that opens it. Nothing of its content is kept between two calls. */
export interface Store {
  readonly path: string;
  identities(context: CallContext): Promise<Identities>;
  read(): Promise<StoreDocument>;
  /** Reads, changes and writes, under the lock. Either the new document is on the disk when it resolves, or the old one is untouched. */
  change<T>(context: CallContext, change: Change<T>): Promise<T>;
}

type Change<T> = (document: StoreDocument) => Changed<T> | Promise<Changed<T>>;

export function openStore(
  storePath: string,
  source: IdentitySource,
  passphrase: IdentityOptions["passphrase"],
  step: Step,
): Store {
  let loading: Promise<Identities> | undefined;
  const queue = createQueue();
  let leftovers = true;

  const identities = () => {
    // Kept, so that a passphrase is asked for once; a failure is not, so that it can be asked for again.
    loading ??= requireIdentities(source, passphrase).catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };

  const load = async ({ own = false } = {}) => {
    const file = await readCheckedFile(storePath, { what: "the store", maxBytes: maxFileBytes, own });
    if (file === undefined) throw noStore(storePath);
    const document = decodeDocument(await decryptStore(file.bytes, await identities()));
    return { document, stamp: file.stamp };
  };

  const encrypt = async (document: StoreDocument) => {
    const text = encodeDocument(document);
    if (Buffer.byteLength(text) > maxStoreBytes) {
      throw fail(
        "invalid-argument",
        `the store would be larger than ${maxStoreBytes} bytes`,
        "Remove versions that nobody needs, or use a second store.",
      );
    }
    return await encryptStore(text, document.recipients);
  };

  /** One attempt. False when another program replaced the store meanwhile. */
  const rewrite = async <T>(
    lock: StoreLock,
    context: CallContext,
    change: Change<T>,
  ): Promise<{ readonly result: T } | false> => {
    const { document, stamp } = await load({ own: true });
    const { document: changed, result } = await change(document);
    if (changed === document) return { result };
    const bytes = await encrypt(eraseRemoved(changed, context.clock.now()));
    throwIfAborted(context);
    const isSame = async () => {
      await lock.verify();
      return (await fileStamp(storePath)) === stamp;
    };
    return (await replaceFile(storePath, bytes, isSame, step)) && { result };
  };

  const changeLocked = async <T>(lock: StoreLock, context: CallContext, change: Change<T>): Promise<T> => {
    step("locked");
    if (leftovers) await removeLeftovers(storePath);
    leftovers = false;
    for (;;) {
      throwIfAborted(context);
      const done = await rewrite(lock, context, change);
      if (done) return done.result;
      // Git and editors take no lock: what they have put there is read, not overwritten.
    }
  };

  return {
    path: storePath,
    identities: (context) => untilAborted(identities(), context),
    read: async () => (await load()).document,
    async change(context, change) {
      const { turn, finish } = queue.join();
      let lock: StoreLock | undefined;
      const end = () => {
        lock?.release();
        finish();
      };
      try {
        await untilAborted(turn, context);
        if ((await fileStamp(storePath)) === undefined) throw noStore(storePath);
        await refuseNetworkFileSystem(path.dirname(storePath));
        // Before the lock: others should not wait while somebody types a passphrase.
        await untilAborted(identities(), context);
        lock = await lockStore(storePath, context);
      } catch (error) {
        end();
        throw fileError(error, "the store", storePath);
      }
      // A caller who leaves now does not take the lock along: the write under way ends first.
      const work = changeLocked(lock, context, change).finally(end);
      return await untilAborted(work, context).catch((error) => {
        throw fileError(error, "the store", storePath);
      });
    },
  };
}

/** A turn for each, so that the writers of one process do not poll against each other. */
function createQueue() {
  let last: Promise<unknown> = Promise.resolve();
  return {
    join(): { readonly turn: Promise<unknown>; readonly finish: () => void } {
      const turn = last;
      const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
      last = turn.then(() => finished);
      return { turn, finish };
    },
  };
}

function noStore(storePath: string): SecretsError {
  const hint = "Make one with: npx keyhold init. Or say where it lies: KEYHOLD_STORE.";
  return fail("unavailable", `there is no store at ${storePath}`, hint, { retryable: false });
}

export async function requireIdentities(source: IdentitySource, passphrase: IdentityOptions["passphrase"]): Promise<Identities> {
  const found = await loadIdentities(source, passphrase);
  if (found) return found;
  const place = source.kind === "file" ? ` at ${source.path}` : "";
  throw fail(
    "unauthenticated",
    `there is no identity${place}`,
    "Make one with: npx keyhold init. Or give one: KEYHOLD_IDENTITY or KEYHOLD_IDENTITY_FILE.",
  );
}
