import { type CallContext, isSecretsError, type ListQuery, type Page, type SecretSummary } from "@keyhold/core";
import { readMetadata } from "./metadata.ts";
import type { Mount } from "./mounts.ts";
import type { Backend } from "./read-secret.ts";
import { vaultError } from "./vault-error.ts";

/** How many paths a page looks at. Vault's own lists have no pages. */
const pathsPerPage = 100;
/** How many secrets are asked about at a time. */
const askedAtOnce = 8;

const ascending = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether a folder can have paths that start with the prefix. */
const overlaps = (folder: string, prefix: string): boolean => folder.startsWith(prefix) || prefix.startsWith(folder);

interface Walk {
  readonly backend: Backend;
  readonly mount: Mount;
  readonly prefix: string;
  /** Only paths that come after this one. */
  readonly after: string;
  readonly context: CallContext;
}

async function keysIn({ backend, mount, prefix, context }: Walk, folder: string): Promise<readonly string[]> {
  const inMount = folder.slice(mount.path.length).replace(/\/$/, "");
  const root = mount.engine === "kv2" ? `${mount.path}metadata` : mount.path.slice(0, -1);
  const path = inMount === "" ? root : `${root}/${inMount}`;
  const { answer } = await backend.session.send("GET", path, { query: { list: true } }, context);
  // Vault has no empty folders.
  if (answer.status === 404) return [];
  // What the token may not list below the place that was asked for is not its to see, just as other mounts are.
  if (answer.status === 403 && !prefix.startsWith(folder)) return [];
  if (answer.status >= 300) throw vaultError(answer, context.clock);
  const { keys } = (answer.body?.data ?? {}) as { readonly keys?: unknown };
  return Array.isArray(keys) ? keys.filter((key) => typeof key === "string").sort(ascending) : [];
}

/** The paths below a folder, in order: a folder's key ends with a slash, so its paths come where its key does. */
async function* pathsIn(walk: Walk, folder: string): AsyncGenerator<string, void, undefined> {
  for (const key of await keysIn(walk, folder)) {
    const path = folder + key;
    const { prefix, after } = walk;
    if (!key.endsWith("/")) {
      if (path.startsWith(prefix) && path > after) yield path;
    } else if (overlaps(path, prefix) && (path > after || after.startsWith(path))) yield* pathsIn(walk, path);
  }
}

/** What a list shows of a path; undefined for a secret whose newest version is deleted. */
async function summaryOf({ backend, mount, context }: Walk, path: string): Promise<SecretSummary | undefined> {
  if (mount.engine !== "kv2") return { path };
  try {
    const place = { mount, name: path.slice(mount.path.length) };
    const { current, createdAt, updatedAt, labels } = await readMetadata(backend.session, place, context);
    if (current === undefined) return undefined;
    const { version, expiresAt } = current;
    return {
      path,
      version,
      ...(createdAt === undefined ? {} : { createdAt }),
      ...(updatedAt === undefined ? {} : { updatedAt }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(labels === undefined ? {} : { labels }),
    };
  } catch (error) {
    // Removed since it was listed.
    if (isSecretsError(error, "not-found")) return undefined;
    // Listing and reading metadata are two permissions.
    if (isSecretsError(error, "permission-denied")) return { path };
    throw error;
  }
}

/**
 * One page of all paths that start with a prefix, over all key-value mounts and folders that may be listed. The cursor is the last path
 * that was looked at, so nothing is kept between pages, and what is added meanwhile moves nothing.
 */
export async function listSecrets(
  backend: Backend,
  { prefix, cursor = "" }: ListQuery,
  context: CallContext,
): Promise<Page<SecretSummary>> {
  const mounts = await backend.mounts.keyValue(context);
  const found: (readonly [walk: Walk, path: string])[] = [];
  let next: string | undefined;
  search: for (const mount of mounts) {
    if (!overlaps(mount.path, prefix) || (mount.path <= cursor && !cursor.startsWith(mount.path))) continue;
    const walk = { backend, mount, prefix, after: cursor, context };
    // Not from the top: a policy may allow to list this folder alone.
    const start = prefix.startsWith(mount.path) ? prefix.slice(0, prefix.lastIndexOf("/") + 1) : mount.path;
    for await (const path of pathsIn(walk, start)) {
      found.push([walk, path]);
      if (found.length < pathsPerPage) continue;
      next = path;
      break search;
    }
  }
  const items: (SecretSummary | undefined)[] = [];
  for (let start = 0; start < found.length; start += askedAtOnce) {
    const turn = found.slice(start, start + askedAtOnce);
    items.push(...(await Promise.all(turn.map(([walk, path]) => summaryOf(walk, path)))));
  }
  return { items: items.filter((item) => item !== undefined), ...(next === undefined ? {} : { next }) };
}
