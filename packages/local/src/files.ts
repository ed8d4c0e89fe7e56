import { type BigIntStats, constants } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { type Content, contentVersion, type Locator, type Provider, type SecretRecord, type SecretSummary } from "@keyhold/core";
import { untilAborted } from "./abort.ts";
import { fail as failAs, fileError, systemCode } from "./errors.ts";

export interface FilesOptions {
  /** The folder: `/run/secrets` in Docker, `$CREDENTIALS_DIRECTORY` in systemd, a volume in Kubernetes. */
  readonly directory: string;
}

const provider = "files";
const fail: typeof failAs = (code, message, hint) => failAs(code, message, hint, { provider });
const maxBytes = 1024 * 1024;

/**
 * The files of one folder as secrets, byte for byte: `file://name`, or `file://folder/name`. A final newline is a part of
 * the value. Symbolic links are followed inside the folder, where Kubernetes uses them, and never out of it.
 *
 * @throws SecretsError, from its methods: `not-found`; `permission-denied` for a link that leads out of the folder, for what
 * is no regular file, and where the system refuses; `invalid-argument` for a path with `..` in it and for a file over 1 MiB;
 * `unavailable` when the folder is missing; `unsupported` for a version or a stage.
 * @example
 * const secrets = createSecrets({ providers: { file: files({ directory: "/run/secrets" }) } });
 * const password = await secrets.get("file://db_password");
 */
export function files(options: FilesOptions): Provider {
  const directory = path.resolve(options.directory);
  return {
    kind: "files",
    features: { versions: false, stages: false, binary: true, leases: false },
    read: (locator, context) => untilAborted(readRecord(directory, locator), context),
    async probe(locator, context) {
      return { version: (await untilAborted(readRecord(directory, locator), context)).version };
    },
    list: ({ prefix }, context) => untilAborted(listFiles(directory, prefix), context),
  };
}

/** The parts of a path that stays in the folder. */
function segmentsOf({ path: name, version, stage }: Locator): readonly string[] {
  if (version !== undefined || stage !== undefined) {
    throw fail("unsupported", "a file has no versions and no stages", "Leave ?version= and ?stage= out.");
  }
  const segments = name.split("/");
  const leaves = (segment: string) =>
    ["", ".", ".."].includes(segment) || segment.includes("\0") || (process.platform === "win32" && /[\\:]/.test(segment));
  if (segments.some(leaves)) {
    throw fail(
      "invalid-argument",
      "this is no name of a file in the folder",
      "Name it as it is called there, such as file://db_password.",
    );
  }
  return segments;
}

async function realDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw fileError(error, "the folder", directory, provider);
    throw failAs("unavailable", `there is no folder ${directory}`, "Mount it, or name the right one in files({ directory }).", {
      provider,
      retryable: false,
    });
  }
}

/** Kubernetes swaps a whole folder at once; a look that fell into that is repeated. */
const maxAttempts = 20;

// A name that is too long is the name of no file, and neither is one below a file.
const missing: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

const notFound = () => fail("not-found", "the folder has no such file", "Names are case-sensitive. See keyhold list.");

const sameFile = (a: BigIntStats, b: BigIntStats) => a.ino === b.ino && a.dev === b.dev;

async function readRecord(directory: string, locator: Locator): Promise<SecretRecord> {
  const segments = segmentsOf(locator);
  const root = await realDirectory(directory);
  const name = path.join(root, ...segments);
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    try {
      const found = await readInside(root, name);
      if (found) return found;
    } catch (error) {
      // The file's name is the caller's text and is not repeated.
      if (!missing.has(systemCode(error) ?? "")) throw fileError(error, "a file in", directory, provider);
      // A link that leads nowhere is there: Kubernetes is about to give it its new target.
      if (!(await lstat(name).catch(() => undefined))) break;
    }
  }
  throw notFound();
}

/** Undefined when something was swapped between looking and opening. */
async function readInside(root: string, name: string): Promise<SecretRecord | undefined> {
  const resolved = await realpath(name);
  if (!resolved.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) {
    throw fail("permission-denied", "this file is a link that leads out of the folder", "Put the file itself into the folder.");
  }
  const handle = await open(resolved, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await handle.stat({ bigint: true });
    if (stats.isDirectory()) throw notFound();
    if (!stats.isFile()) throw fail("permission-denied", "this is not a regular file", "Only regular files are read.");
    // What was opened must be what was looked at: no folder on the way has become a link.
    if ((await realpath(name)) !== resolved || !sameFile(stats, await stat(resolved, { bigint: true }))) return undefined;
    if (stats.size > BigInt(maxBytes))
      throw fail("invalid-argument", `the file is larger than ${maxBytes} bytes`, "Keep large files elsewhere.");
    const content: Content = { kind: "opaque", value: new Uint8Array(await handle.readFile()) };
    return { content, version: contentVersion(content), createdAt: Number(stats.mtimeMs) };
  } finally {
    await handle.close();
  }
}

async function listFiles(directory: string, prefix: string): Promise<{ readonly items: readonly SecretSummary[] }> {
  const root = await realDirectory(directory);
  const items: SecretSummary[] = [];
  try {
    for (const entry of await readdir(root, { recursive: true })) {
      const name = entry.split(path.sep).join("/");
      // Kubernetes keeps the files themselves under ..data and ..2026_01_02, and links to them.
      if (!name.startsWith(prefix) || name.startsWith("..")) continue;
      const resolved = await realpath(path.join(root, entry)).catch(() => undefined);
      const stats = resolved?.startsWith(root + path.sep) ? await stat(resolved).catch(() => undefined) : undefined;
      if (stats?.isFile()) items.push({ path: name, updatedAt: stats.mtimeMs });
    }
  } catch (error) {
    throw fileError(error, "the folder", directory, provider);
  }
  return { items: items.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}
