import path from "node:path";
import { type CallContext, callContext, isSecretsError, type Provider } from "@keyhold/core";
import { throwIfAborted, untilAborted } from "./abort.ts";
import { fail } from "./errors.ts";
import { type IdentityOptions, identitySource } from "./identity.ts";
import { defaultStorePath } from "./paths.ts";
import { checkRecipients } from "./recipients.ts";
import { openStore, type Store } from "./store.ts";
import type { StoreDocument } from "./store-document.ts";
import { addVersion, checkWrite, currentVersion, findVersion, removeSecret, restoreSecret } from "./store-operations.ts";
import { listSecrets, listVersions, recordOf } from "./store-views.ts";
import { createStoreWatcher } from "./store-watcher.ts";
import { noStep, type Step } from "./write-file.ts";

export interface LocalOptions extends IdentityOptions {
  /** The store file. Default: `KEYHOLD_STORE`, otherwise `keyhold.age` in the current folder. */
  readonly path?: string;
}

/** What `changeRecipients` does to the list. */
export interface RecipientChange {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

export interface LocalProvider
  extends Required<Omit<Provider, "canonicalPath" | "changedPaths" | "pending" | "renew" | "revoke">> {
  /**
   * Brings back what `remove` took away in the last 30 days, and gives the version that is current then.
   * @throws SecretsError `not-found` when nothing under this path was removed.
   */
  restore(path: string, context?: CallContext): Promise<{ readonly version: string }>;
  /** Who can open the store: public keys, `age1…`. */
  recipients(context?: CallContext): Promise<readonly string[]>;
  /**
   * Lets others open the store, or no longer; gives the new list. Who is removed keeps what they could read before: rotate it.
   * @throws SecretsError `invalid-argument` for a mix of X25519 and post-quantum keys, for none left, and for a list
   * without a key of your own; `unsupported` for keys of plugins and SSH keys; `not-found` for removing one that is not there.
   */
  changeRecipients(change: RecipientChange, context?: CallContext): Promise<readonly string[]>;
}

/**
 * The embedded default: one age-encrypted file, for one person or for a team that commits it. `initStore` makes it.
 *
 * Text and bytes up to 1 MiB, the last 20 versions of each. Written whole or not at all, by any number of processes.
 * It opens nothing before its first call. One decryption a call, some 2 ms, and nothing is held in between.
 *
 * @throws SecretsError `invalid-argument` for options that contradict each other. From its methods: `unavailable` where
 * there is no store or no room, `unauthenticated` without an identity, `permission-denied` for an identity that does not
 * open the store or a file that others could have written, `decode` for a damaged store, `unsupported` for a later
 * format and for writing to a network or read-only file system, `conflict`, `not-found`, `invalid-argument`, `closed`.
 * @example
 * const secrets = createSecrets({ providers: { local: local() } });
 */
export function local(options: LocalOptions = {}): LocalProvider {
  return localWithSteps(options, noStep);
}

/** `local`, and `step` is called at each moment of a write: for the tests that kill it there. */
export function localWithSteps(options: LocalOptions, step: Step): LocalProvider {
  const storePath = options.path === undefined ? defaultStorePath() : path.resolve(options.path);
  const store = openStore(storePath, identitySource(options), options.passphrase, step);
  const watcher = createStoreWatcher(store);
  let closed = false;

  const enter = (context: CallContext) => {
    if (closed) throw closedError();
    throwIfAborted(context);
  };
  const look = async <T>(context: CallContext, take: (document: StoreDocument) => T): Promise<T> => {
    enter(context);
    return take(await untilAborted(store.read(), context));
  };
  const change: Store["change"] = async (context, make) => {
    enter(context);
    return await store.change(context, make);
  };

  return {
    kind: "local",
    features: { versions: true, stages: false, binary: true, leases: false, compareAndSet: true, joinReads: true },

    read: (locator, context) => look(context, (document) => recordOf(findVersion(document, locator))),

    readMany: (locators, context) =>
      look(context, (document) =>
        locators.map((locator) => {
          try {
            return recordOf(findVersion(document, locator));
          } catch (error) {
            if (isSecretsError(error)) return error;
            throw error;
          }
        }),
      ),

    probe: (locator, context) => look(context, (document) => ({ version: findVersion(document, locator).version })),

    list: ({ prefix, cursor }, context) => look(context, (document) => listSecrets(document, prefix, cursor)),

    versions: (secretPath, { cursor }, context) => look(context, (document) => listVersions(document, secretPath, cursor)),

    async *watch({ path: secretPath }, { signal }) {
      if (closed) throw closedError();
      yield* watcher.watch(secretPath, signal);
    },

    async write(locator, content, writeOptions, context) {
      const checked = checkWrite(locator, content);
      const version = await change(context, (document) =>
        addVersion(document, locator.path, checked, writeOptions, context.clock.now()),
      );
      return { version };
    },

    remove: (locator, removeOptions, context) =>
      change(context, (document) => removeSecret(document, locator, removeOptions, context.clock.now())),

    restore: async (secretPath, context = callContext()) => ({
      version: await change(context, (document) => restoreSecret(document, secretPath)),
    }),

    recipients: (context = callContext()) => look(context, ({ recipients }) => recipients),

    async changeRecipients(recipientChange, context = callContext()) {
      return await change(context, async (document) => {
        const { recipients: own } = await store.identities(context);
        const recipients = await changedRecipients(document.recipients, recipientChange, own);
        return { document: { ...document, recipients }, result: recipients };
      });
    },

    async check(context) {
      const { recipients, secrets } = await look(context, (document) => document);
      const { recipients: own } = await store.identities(context);
      const there = [...secrets.values()].filter((secret) => currentVersion(secret)).length;
      return {
        principal: own.filter((one) => recipients.includes(one)).join(", "),
        notes: [`store: ${storePath}`, `secrets: ${there}`, `recipients: ${recipients.length}`],
      };
    },

    async close() {
      closed = true;
      watcher.close();
    },
  };
}

const closedError = () => fail("closed", "the local store is closed", "Make a new one with local().");

/** @throws SecretsError `not-found` or `invalid-argument`. */
async function changedRecipients(
  current: readonly string[],
  { add = [], remove = [] }: RecipientChange,
  own: readonly string[],
): Promise<readonly string[]> {
  if (remove.some((one) => !current.includes(one))) {
    throw fail("not-found", "a recipient to remove is not one of the store's", "See recipients().");
  }
  const recipients = await checkRecipients([...current.filter((one) => !remove.includes(one)), ...add]);
  if (own.some((one) => recipients.includes(one))) return recipients;
  throw fail("invalid-argument", "this would lock you out", "Keep a recipient of your own; another recipient can remove yours.");
}
