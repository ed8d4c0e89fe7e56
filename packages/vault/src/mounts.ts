import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";
import type { Session } from "./session.ts";
import { sharedRun } from "./shared-run.ts";
import { unexpectedAnswer, vaultError } from "./vault-error.ts";
import { trimmedPath } from "./vault-path.ts";

/** What answers under a mount: `kv1` and `kv2` keep what is written; `other` makes its answers up. */
export interface Mount {
  /** With a slash at its end. */
  readonly path: string;
  readonly engine: "kv1" | "kv2" | "other";
}

/** A secret's place: its mount, and its name there. */
export interface Place {
  readonly mount: Mount;
  readonly name: string;
}

export interface Mounts {
  /** Where a path lies. Asks Vault once a mount. @throws SecretsError `permission-denied` where Vault does not tell. */
  placeOf(path: string, context: CallContext): Promise<Place>;
  /** For a mount that turned out to be another by now. */
  forget(mount: Mount): void;
  /** The key-value mounts that the token may see, and those that were named. */
  keyValue(context: CallContext): Promise<readonly Mount[]>;
}

interface MountAnswer {
  readonly path?: unknown;
  readonly type?: unknown;
  readonly options?: { readonly version?: unknown } | null;
}

function engineOf({ type, options }: MountAnswer): Mount["engine"] {
  // "generic" is what version 1 was called before there were two.
  if (type !== "kv" && type !== "generic") return "other";
  return options?.version === "2" ? "kv2" : "kv1";
}

function namedMounts(named: Readonly<Record<string, 1 | 2>>): Mount[] {
  return Object.entries(named).map(([path, version]) => {
    if (version !== 1 && version !== 2) {
      throw new SecretsError("invalid-argument", "in the option mounts, the version of a key-value store is 1 or 2", {
        provider: "vault",
        hint: 'Write it like { secret: 2, "team/kv": 1 }.',
      });
    }
    return { path: `${trimmedPath(path)}/`, engine: `kv${version}` };
  });
}

const untold = () =>
  new SecretsError("permission-denied", "Vault does not tell what is mounted at this path (status 403)", {
    provider: "vault",
    hint: "There is no such mount, or no policy lets this token use it. Name key-value stores in the option mounts: { secret: 2 }.",
  });

/**
 * Finds out which engine a path belongs to. No mount lies within another, so the first that fits is the only one.
 *
 * @param named key-value stores by path and version, which are taken as told.
 * @throws SecretsError `invalid-argument` for a version that there is not.
 */
export function createMounts(session: Session, named: Readonly<Record<string, 1 | 2>>): Mounts {
  let known = namedMounts(named);
  const lookUps = new Map<string, { readonly path: string; readonly run: (context: CallContext) => Promise<unknown> }>();

  async function lookUp(path: string, context: CallContext): Promise<void> {
    const { body } = await session
      .call("GET", `sys/internal/ui/mounts/${path}`, {}, context)
      .catch((error) => Promise.reject(isSecretsError(error, "permission-denied") ? untold() : error));
    const answer = (body?.data ?? {}) as MountAnswer;
    if (typeof answer.path !== "string" || !`${path}/`.startsWith(answer.path)) throw unexpectedAnswer("mount");
    const mount = { path: answer.path, engine: engineOf(answer) };
    known = [...known.filter((one) => one.path !== mount.path), mount];
  }

  return {
    async placeOf(path, context) {
      const first = path.split("/", 1)[0] as string;
      for (;;) {
        const mount = known.find((one) => `${path}/`.startsWith(one.path));
        if (mount !== undefined) {
          const name = path.slice(mount.path.length);
          if (name !== "") return { mount, name };
          throw new SecretsError("invalid-argument", "this path is that of a mount", {
            provider: "vault",
            hint: "Name a secret in it: secret/app.",
          });
        }
        // Paths that start alike are likely to share a mount, so one look-up at a time is enough for them.
        const other = lookUps.get(first);
        if (other !== undefined) {
          await other.run(context).catch((error) => {
            if (other.path === path || !isSecretsError(error, "permission-denied", "not-found")) throw error;
          });
          continue;
        }
        const run = sharedRun((own) => lookUp(path, own).finally(() => lookUps.delete(first)), session.closing);
        lookUps.set(first, { path, run });
        await run(context);
      }
    },

    forget(mount) {
      known = known.filter((one) => one !== mount);
    },

    async keyValue(context) {
      const { answer } = await session.send("GET", "sys/internal/ui/mounts", {}, context);
      const denied = answer.status === 403;
      if (denied && known.length === 0) throw untold();
      if (!denied && answer.status >= 300) throw vaultError(answer, context.clock);
      const { secret = {} } = (denied ? {} : (answer.body?.data ?? {})) as { secret?: Readonly<Record<string, MountAnswer>> };
      const seen = Object.entries(secret).map(([path, mount]): Mount => ({ path, engine: engineOf(mount) }));
      const all = [...known, ...seen.filter(({ path }) => !known.some((one) => one.path === path))];
      return all.filter(({ engine }) => engine !== "other").sort((a, b) => (a.path < b.path ? -1 : 1));
    },
  };
}
