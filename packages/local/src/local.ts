import path from "node:path";
import {
  type CallContext,
  type CheckReport,
  isSecretsError,
  type Provider,
  type SecretRecord,
  type SecretSummary,
  systemClock,
  type VersionSummary,
} from "@keyhold/core";
import { throwIfAborted, untilAborted } from "./abort.ts";
import { fail } from "./errors.ts";
import { type IdentityOptions, identitySource } from "./identity.ts";
import { defaultStorePath } from "./paths.ts";
import { checkRecipients } from "./recipients.ts";
import { openStore } from "./store.ts";
import type { StoredVersion } from "./store-document.ts";
import { addVersion, currentVersion, findVersion, removeSecret, restoreSecret } from "./store-operations.ts";
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

export interface LocalProvider extends Required<Omit<Provider, "renew" | "revoke">> {
  /**
   * Brings back what `remove` took away in the last 30 days, and gives the version that is current then.
   * @throws SecretsError `not-found` when nothing under this path was removed.
   */
  restore(path: string): Promise<{ readonly version: string }>;
  /** Who can open the store: public keys, `age1…`. */
  recipients(): Promise<readonly string[]>;
  /**
   * Lets others open the store, or no longer; gives the new list. Who is removed keeps what they could read before: rotate it.
   * @throws SecretsError `invalid-argument` for a mix of X25519 and post-quantum keys, for none left, and for a list
   * without a key of your own; `unsupported` for keys of plugins and SSH keys; `not-found` for removing one that is not there.
   */
  changeRecipients(change: RecipientChange): Promise<readonly string[]>;
}

const pageSize = 100;
const deadlineMs = 10_000;

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

  const run = async <T>(context: CallContext, work: () => Promise<T>): Promise<T> => {
    if (closed) throw fail("closed", "the local store is closed", "Make a new one with local().");
    throwIfAborted(context);
    return await untilAborted(work(), context);
  };

  return {
    kind: "local",
    features: { versions: true, stages: false, binary: true, leases: false, compareAndSet: true },

    read: (locator, context) => run(context, async () => record(findVersion(await store.read(), locator))),

    readMany: (locators, context) =>
      run(context, async () => {
        const document = await store.read();
        return locators.map((locator) => {
          try {
            return record(findVersion(document, locator));
          } catch (error) {
            if (isSecretsError(error)) return error;
            throw error;
          }
        });
      }),

    probe: (locator, context) => run(context, async () => ({ version: findVersion(await store.read(), locator).version })),

    write: (locator, content, writeOptions, context) =>
      run(context, async () => {
        const change = (document: Parameters<typeof addVersion>[0]) =>
          addVersion(document, locator, content, writeOptions, context.clock.now());
        return { version: await store.change(context, change) };
      }),

    remove: (locator, removeOptions, context) =>
      run(context, () =>
        store.change(context, (document) => removeSecret(document, locator, removeOptions, context.clock.now())),
      ),

    list: ({ prefix, cursor = "" }, context) =>
      run(context, async () => {
        const summaries: SecretSummary[] = [];
        for (const [name, secret] of (await store.read()).secrets) {
          const current = currentVersion(secret);
          if (!current || !name.startsWith(prefix) || name <= cursor) continue;
          const { version, createdAt: updatedAt, labels } = current;
          summaries.push({ path: name, version, createdAt: secret.createdAt, updatedAt, ...(labels ? { labels } : {}) });
        }
        summaries.sort((a, b) => (a.path < b.path ? -1 : 1));
        const items = summaries.slice(0, pageSize);
        return summaries.length > pageSize ? { items, next: (items.at(-1) as SecretSummary).path } : { items };
      }),

    versions: (secretPath, { cursor }, context) =>
      run(context, async () => {
        if (cursor !== undefined)
          throw fail("invalid-argument", "this cursor is none of the local store's", "Start without one.");
        const document = await store.read();
        findVersion(document, { path: secretPath });
        const items = (document.secrets.get(secretPath)?.versions ?? []).map(
          ({ version, createdAt, removedAt }): VersionSummary => ({
            version,
            createdAt,
            state: removedAt === undefined ? "enabled" : "deleted",
          }),
        );
        return { items };
      }),

    watch: ({ path: secretPath }, { signal }) => watcher.watch(secretPath, signal),

    check: (context) =>
      run(context, async (): Promise<CheckReport> => {
        const { recipients, secrets } = await store.read();
        const mine = (await store.identities(context)).recipients.filter((one) => recipients.includes(one));
        const there = [...secrets.values()].filter((secret) => currentVersion(secret)).length;
        return {
          principal: mine.join(", "),
          notes: [`store ${storePath}: ${there} secrets, ${recipients.length} recipients`],
        };
      }),

    async close() {
      closed = true;
      watcher.close();
    },

    async restore(secretPath) {
      const context = ownContext();
      return { version: await run(context, () => store.change(context, (document) => restoreSecret(document, secretPath))) };
    },

    async recipients() {
      return (await run(ownContext(), () => store.read())).recipients;
    },

    async changeRecipients({ add = [], remove = [] }) {
      const context = ownContext();
      return await run(context, () =>
        store.change(context, async (document) => {
          for (const one of remove) {
            if (!document.recipients.includes(one))
              throw fail("not-found", "a recipient to remove is not one of the store's", "See recipients().");
          }
          const recipients = await checkRecipients([...document.recipients.filter((one) => !remove.includes(one)), ...add]);
          const mine = (await store.identities(context)).recipients;
          if (!mine.some((one) => recipients.includes(one))) {
            throw fail(
              "invalid-argument",
              "this would lock you out",
              "Keep a recipient of your own; another recipient can remove yours.",
            );
          }
          return { document: { ...document, recipients }, result: recipients };
        }),
      );
    },
  };
}

function record({ value, version, createdAt, contentType, labels }: StoredVersion): SecretRecord {
  return {
    content: { kind: "opaque", value, ...(contentType === undefined ? {} : { contentType }) },
    version,
    createdAt,
    ...(labels === undefined ? {} : { labels }),
  };
}

/** For the methods that people and commands call without a client. */
function ownContext(): CallContext {
  return { signal: AbortSignal.timeout(deadlineMs), deadlineAt: systemClock.monotonic() + deadlineMs, clock: systemClock };
}
