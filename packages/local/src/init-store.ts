import { mkdir } from "node:fs/promises";
import path from "node:path";
import { loadAge } from "./age.ts";
import { fileStamp } from "./checked-file.ts";
import { fail, fileError } from "./errors.ts";
import { askPassphrase, type Identities, identitySource, loadIdentities } from "./identity.ts";
import { refuseNetworkFileSystem } from "./network-file-system.ts";
import { wrapWithPassphrase } from "./passphrase.ts";
import { defaultStorePath } from "./paths.ts";
import { checkRecipients, recipientKind } from "./recipients.ts";
import { encryptStore } from "./store-cipher.ts";
import { encodeDocument } from "./store-format.ts";
import { createFile } from "./write-file.ts";

export interface InitStoreOptions {
  /** Where the store goes. Default: `defaultStorePath()`. Its folder must exist. */
  readonly path?: string;
  /** Where the identity is, or goes. Default: as for `local()`. Never the store's folder. */
  readonly identityPath?: string;
  /** Wraps a new identity; opens one that is there already and wrapped. Default: a new one is not wrapped. */
  readonly passphrase?: () => string | Promise<string>;
  /** Who else can open the store: public keys, `age1…`. Default: nobody. */
  readonly recipients?: readonly string[];
  /** Make keys that a quantum computer does not open either. All recipients must be such keys then. Default: false. */
  readonly postQuantum?: boolean;
}

export interface InitStoreResult {
  readonly path: string;
  /** Undefined when the identity came as text through `KEYHOLD_IDENTITY`. */
  readonly identityPath: string | undefined;
  /** Your own public key, for others to add. */
  readonly recipient: string;
  /** False: it was there already, and was left as it is. */
  readonly storeCreated: boolean;
  readonly identityCreated: boolean;
}

/**
 * Makes what `local()` needs: an identity, unless the user has one, and an empty store, unless there is one. Both for
 * their owner alone (0600); neither ever replaces a file.
 *
 * @throws SecretsError `invalid-argument` for an identity beside the store and for kinds of keys that do not go together;
 * `unavailable` where the folder is missing or full; `permission-denied`, `unauthenticated` and `unsupported` as `local()`.
 */
export async function initStore(options: InitStoreOptions = {}): Promise<InitStoreResult> {
  const storePath = options.path === undefined ? defaultStorePath() : path.resolve(options.path);
  const source = identitySource(options.identityPath === undefined ? {} : { identityPath: options.identityPath });
  if (source.kind === "file" && path.dirname(source.path) === path.dirname(storePath)) {
    throw fail(
      "invalid-argument",
      "the identity would lie beside the store",
      "Keep them apart: who gets both can read everything.",
    );
  }
  const found = await loadIdentities(source, options.passphrase);
  const identities = found ?? (await generate(options.postQuantum === true));
  const mine = await ownRecipients(identities, options.postQuantum === true);
  // Refused before anything is made.
  const recipients = await checkRecipients([...mine, ...(options.recipients ?? [])]);
  if (found === undefined && source.kind === "file" && !(await writeIdentity(source.path, identities, options.passphrase))) {
    return await initWithTheirs(source.path, options);
  }
  return {
    path: storePath,
    identityPath: source.kind === "file" ? source.path : undefined,
    recipient: mine[0] as string,
    storeCreated: await writeStore(storePath, recipients),
    identityCreated: found === undefined,
  };
}

/** Something lies where the identity was to go. If somebody else has just made one there, theirs counts. */
async function initWithTheirs(identityPath: string, options: InitStoreOptions): Promise<InitStoreResult> {
  const theirs = { kind: "file", path: identityPath, isDefault: false } as const;
  if (await loadIdentities(theirs, options.passphrase)) return await initStore(options);
  throw fail(
    "invalid-argument",
    `a link that leads nowhere is in the way at ${identityPath}`,
    "Remove it, or name another identityPath.",
  );
}

async function generate(postQuantum: boolean): Promise<Identities> {
  const { generateHybridIdentity, generateX25519Identity, identityToRecipient } = await loadAge();
  const key = await (postQuantum ? generateHybridIdentity() : generateX25519Identity());
  return { keys: [key], recipients: [await identityToRecipient(key)] };
}

/** Those of an identity's recipients that can share a store: post-quantum ones on request, otherwise of the first key's kind. */
async function ownRecipients(identities: Identities, postQuantum: boolean): Promise<readonly string[]> {
  const kinds = await Promise.all(identities.recipients.map(recipientKind));
  const wanted = postQuantum ? "hybrid" : kinds[0];
  const mine = identities.recipients.filter((_, index) => kinds[index] === wanted);
  if (mine.length > 0) return mine;
  throw fail(
    "invalid-argument",
    "your identity has no post-quantum key",
    "Name another identityPath: a post-quantum key gets a file of its own.",
  );
}

async function writeIdentity(
  identityPath: string,
  identities: Identities,
  passphrase: InitStoreOptions["passphrase"],
): Promise<boolean> {
  const text = [
    `# created: ${new Date().toISOString()}`,
    `# public key: ${identities.recipients.join(" ")}`,
    ...identities.keys,
    "",
  ].join("\n");
  const wrapped = passphrase === undefined ? text : await wrapWithPassphrase(text, await askPassphrase(passphrase));
  try {
    await mkdir(path.dirname(identityPath), { recursive: true, mode: 0o700 });
    return await createFile(identityPath, Buffer.from(wrapped));
  } catch (error) {
    throw fileError(error, "the identity file", identityPath);
  }
}

async function writeStore(storePath: string, recipients: readonly string[]): Promise<boolean> {
  try {
    if ((await fileStamp(storePath)) !== undefined) return false;
    await refuseNetworkFileSystem(path.dirname(storePath));
    const empty = encodeDocument({ recipients, lastVersion: 0, secrets: new Map() });
    return await createFile(storePath, await encryptStore(empty, recipients));
  } catch (error) {
    throw fileError(error, "the store", storePath);
  }
}
