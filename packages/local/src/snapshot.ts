import path from "node:path";
import type { SnapshotStore } from "@keyhold/core";
import { isSecretsError } from "@keyhold/core";
import { throwIfAborted, untilAborted } from "./abort.ts";
import { loadAge } from "./age.ts";
import { changeSnapshot } from "./change-snapshot.ts";
import { fileStamp, readCheckedFile } from "./checked-file.ts";
import { fail, fileError } from "./errors.ts";
import { type Identities, type IdentityOptions, identitySource } from "./identity.ts";
import { refuseNetworkFileSystem } from "./network-file-system.ts";
import { decodeSnapshot, encodeSnapshot, type SnapshotEntries } from "./snapshot-format.ts";
import { requireIdentities } from "./store.ts";
import { decryptStore } from "./store-cipher.ts";
import { lockStore } from "./store-lock.ts";
import { noStep, removeLeftovers, replaceFile, type Step } from "./write-file.ts";

export interface SnapshotOptions extends IdentityOptions {
  /** The file. Its folder must exist. One for each service and deployment: whoever shares it shares its values. */
  readonly path: string;
  /** How old a value may be and still serve, in milliseconds. Default: 86,400,000, a day. */
  readonly maxAgeMs?: number;
}

const dayMs = 86_400_000;
const maxFileBytes = 8 * 1024 * 1024;

/**
 * The last known good values of a client on disk, so that a process can start while its backend is down: one file, encrypted by age
 * to your own identity, for its owner alone. Any number of processes may share it.
 *
 * A file that is damaged, foreign or another key's is left as it is, and told as the event `snapshot-failed`.
 *
 * @throws SecretsError `invalid-argument` for options out of range or that contradict each other.
 * @example
 * const secrets = createSecrets({ providers, snapshot: snapshot({ path: "/var/lib/app/secrets.snapshot" }) });
 */
export function snapshot(options: SnapshotOptions): SnapshotStore {
  return snapshotWithSteps(options, noStep);
}

/** `snapshot`, and `step` is called at each moment of a write: for the tests that kill it there. */
export function snapshotWithSteps(options: SnapshotOptions, step: Step): SnapshotStore {
  const { maxAgeMs = dayMs, passphrase } = options;
  if (typeof options.path !== "string" || options.path === "")
    throw fail("invalid-argument", "snapshot() needs a path", 'snapshot({ path: "/var/lib/app/secrets.snapshot" }).');
  if (!(maxAgeMs > 0)) throw fail("invalid-argument", "maxAgeMs must be a number above 0", "Leave it out for a day.");
  const file = path.resolve(options.path);
  const source = identitySource(options);
  let loading: Promise<Identities> | undefined;
  let leftovers = true;

  const identities = () => {
    loading ??= requireIdentities(source, passphrase).catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };

  const load = async (own = false): Promise<{ readonly entries: SnapshotEntries; readonly stamp: string } | undefined> => {
    const found = await readCheckedFile(file, { what: "the snapshot", maxBytes: maxFileBytes, own });
    return found && { entries: decodeSnapshot(await decrypt(found.bytes, await identities())), stamp: found.stamp };
  };

  return {
    maxAgeMs,

    async read() {
      const entries = (await load())?.entries ?? new Map();
      return new Map([...entries].filter((entry) => !("erasedAt" in entry[1])));
    },

    async change(changes, context) {
      try {
        const { recipients } = await untilAborted(identities(), context);
        await refuseNetworkFileSystem(path.dirname(file));
        const lock = await lockStore(file, context);
        try {
          step("locked");
          if (leftovers) await removeLeftovers(file);
          leftovers = false;
          for (let written = false; !written; ) {
            throwIfAborted(context);
            const before = await load(true);
            const entries = changeSnapshot(before?.entries ?? new Map(), changes, { now: context.clock.now(), maxAgeMs });
            if (entries === undefined) return;
            // To one key: kinds of keys cannot be mixed, and whoever has this identity has its first key.
            const bytes = await encrypt(encodeSnapshot(entries), recipients[0] as string);
            throwIfAborted(context);
            const isSame = async () => {
              await lock.verify();
              return (await fileStamp(file)) === before?.stamp;
            };
            written = await replaceFile(file, bytes, isSame, step);
          }
        } finally {
          lock.release();
        }
      } catch (error) {
        throw fileError(error, "the snapshot", file);
      }
    },
  };
}

/** As bytes: nobody commits a snapshot, and armor would take as long as the encryption. */
async function encrypt(text: string, recipient: string): Promise<Uint8Array> {
  const { Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return await encrypter.encrypt(text);
}

async function decrypt(bytes: Uint8Array, identities: Identities): Promise<string> {
  try {
    return await decryptStore(bytes, identities);
  } catch (error) {
    // Its words are for a store, which one would want to bring back.
    if (isSecretsError(error, "permission-denied")) throw fail("permission-denied", "your key does not open the snapshot", leave);
    throw fail("decode", "the file is no snapshot, or is damaged", leave);
  }
}

const leave = "Delete it, or give another path. It was left as it is.";
