import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import {
  type CallContext,
  type Content,
  contentVersion,
  type Locator,
  type Provider,
  type SecretRecord,
  type SecretSummary,
  SecretsError,
  throwIfEnded,
} from "@keyhold/core";
import { fail, isAbsent, mountError } from "./mount-error.ts";
import { mountStamp, readMount } from "./read-mount.ts";
import { untilEnded } from "./until-ended.ts";
import { watchMount } from "./watch-mount.ts";

export interface VolumeOptions {
  /** The folder in which Secrets are mounted, each in a folder of its own: `/etc/secrets` for a `mountPath` of `/etc/secrets/db`. */
  readonly directory: string;
}

/**
 * Secrets that the kubelet mounts as volumes: `volume://db#password` is the file `password` of the Secret mounted at `db` in the
 * directory. All files of a mount are one secret with fields, read as one atomic set while the kubelet swaps them, and watched.
 *
 * @throws SecretsError, from its methods: `not-found`; `invalid-argument` for a path that is no folder's name, and for a directory that
 * is itself a mount; `permission-denied`; `unsupported` for a folder that is no volume, a version or a stage; `unavailable` when the
 * directory is missing.
 * @example
 * const secrets = createSecrets({ providers: { volume: volume({ directory: "/etc/secrets" }) } });
 * const { username, password } = (await secrets.get("volume://db")).json(Login);
 */
export function volume(options: VolumeOptions): Provider {
  const directory = path.resolve(options.directory);
  const closing = new AbortController();

  const begin = (context: CallContext) => {
    if (closing.signal.aborted) throw new SecretsError("closed", "this provider is closed", { provider: "kubernetes-volume" });
    throwIfEnded(context);
  };

  async function read(locator: Locator, context: CallContext): Promise<SecretRecord> {
    const folder = folderOf(directory, locator);
    const found = await readMount(folder, context);
    if (found === undefined) throw await absence(directory, folder);
    const content: Content = { kind: "fields", fields: found.files };
    return { content, version: contentVersion(content), createdAt: found.createdAt };
  }

  const provider: Provider = {
    kind: "kubernetes-volume",
    features: { versions: false, stages: false, binary: true, leases: false, fields: true },

    async read(locator, context) {
      begin(context);
      return untilEnded(read(locator, context), context);
    },

    async probe(locator, context) {
      return { version: (await provider.read(locator, context)).version };
    },

    async list({ prefix }, context) {
      begin(context);
      return { items: await untilEnded(mountsIn(directory, prefix), context) };
    },

    async check(context) {
      begin(context);
      const mounts = await untilEnded(mountsIn(directory, ""), context);
      return { notes: [`Secrets that are mounted: ${mounts.length}`] };
    },

    async *watch(locator, context) {
      begin({ ...context, deadlineAt: Number.POSITIVE_INFINITY });
      const folder = folderOf(directory, locator);
      const ending = new AbortController();
      const end = () => ending.abort();
      const signals = [context.signal, closing.signal];
      for (const signal of signals) signal.addEventListener("abort", end, { once: true });
      const endless = { ...context, signal: ending.signal, deadlineAt: Number.POSITIVE_INFINITY };
      const version = async () => {
        const found = await readMount(folder, endless);
        return found && contentVersion({ kind: "fields", fields: found.files });
      };
      try {
        yield* watchMount(folder, version, ending.signal);
      } finally {
        for (const signal of signals) signal.removeEventListener("abort", end);
      }
    },

    async close() {
      closing.abort();
    },
  };
  return provider;
}

/** The folder of a mount: one below the directory, never elsewhere. */
function folderOf(directory: string, { path: name, version, stage }: Locator): string {
  if (version !== undefined || stage !== undefined)
    throw fail("unsupported", "a mounted Secret has no versions and no stages", "Leave ?version= and ?stage= out.");
  const isElsewhere = name.includes("/") || name.includes("\0") || (process.platform === "win32" && /[\\:]/.test(name));
  // The kubelet's own names start with two dots.
  if (isElsewhere || name === "" || name === "." || name.startsWith(".."))
    throw fail(
      "invalid-argument",
      "this is no name of a folder in the directory",
      "Name the mount's folder: volume://db#password.",
    );
  return path.join(directory, name);
}

const isThere = async (file: string): Promise<boolean> => {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw mountError(error, "the volume");
  }
};

/** Why nothing is mounted at this folder. */
async function absence(directory: string, folder: string): Promise<SecretsError> {
  if (!(await isThere(directory)))
    return fail("unavailable", `there is no folder ${directory}`, "Mount the Secrets below it, or name the right one.");
  if ((await mountStamp(directory)) !== undefined) {
    return fail(
      "invalid-argument",
      "the directory is itself a mounted Secret",
      `Give volume({ directory }) the folder above it, and name ${path.basename(directory)} in the reference.`,
    );
  }
  if (await isThere(folder)) {
    return fail(
      "unsupported",
      "this folder is no mounted volume: it has no ..data",
      "A subPath mount is never renewed; read such files with files() of @keyhold/local.",
    );
  }
  return fail("not-found", "no Secret is mounted there", "Name the mount's folder in the directory: names are case-sensitive.");
}

async function mountsIn(directory: string, prefix: string): Promise<readonly SecretSummary[]> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) throw await absence(directory, directory);
    throw mountError(error, "the directory");
  }
  const items: SecretSummary[] = [];
  for (const name of names.toSorted()) {
    if (!name.startsWith(prefix) || name.startsWith("..")) continue;
    const link = await lstat(path.join(directory, name, "..data")).catch(() => undefined);
    if (link?.isSymbolicLink()) items.push({ path: name, updatedAt: link.mtimeMs });
  }
  return items;
}
