/** What one backend does in its own way. Without a rule: as most do. */
export interface Rules {
  /** Makes a legal path of a name, or of the start of one. Default: the name itself. */
  path?(name: string): string;
  /** What a path has in it that the backend refuses. Default: it takes every path. */
  readonly refusedPaths?: RegExp;
  /** Whether a value is refused. Default: none is. */
  refuses?(bytes: Uint8Array): boolean;
  /** Writing the current value again makes no version. */
  readonly equalValueKept?: boolean;
  /** How many versions can still be read. Default: all. */
  readonly keptVersions?: number;
  /** Removing takes the newest version alone: older ones can still be read by version, and a comparison finds the removed one. */
  readonly removesNewestAlone?: boolean;
  /** A removed name cannot be written again. */
  readonly removedNamesReserved?: boolean;
  /** A write that found another version leaves one behind that was never current. */
  readonly conflictsLeaveVersions?: boolean;
  /** Versions of one second are listed in any order, the current one first. */
  readonly timesInSeconds?: boolean;
}

interface HeldVersion {
  readonly version: string;
  readonly bytes: Uint8Array;
}

interface HeldSecret {
  /** Newest first, also removed ones that the backend still counts. Empty: the secret was removed as a whole. */
  readonly entries: readonly (HeldVersion & { readonly removed?: boolean })[];
  /** Versions that were there once. */
  readonly gone: readonly string[];
  /** How many a lost write left behind. */
  readonly leftBehind: number;
}

/** What a backend has to hold after everything that was done to it. */
export interface Model {
  current(name: string): HeldVersion | undefined;
  /** Those that can be read, newest first. */
  versions(name: string): readonly HeldVersion[];
  gone(name: string): readonly string[];
  leftBehind(name: string): number;
  /** The newest version that the backend still knows of, also when it is removed. */
  newest(name: string): string | undefined;
  /** Whether the name was used and is no longer free. */
  reserved(name: string): boolean;
  /** Of secrets that can be read. */
  names(): readonly string[];
  added(name: string, version: HeldVersion): void;
  lost(name: string): void;
  removed(name: string): void;
}

export function createModel(rules: Rules): Model {
  const secrets = new Map<string, HeldSecret>();
  const held = (name: string): HeldSecret => secrets.get(name) ?? { entries: [], gone: [], leftBehind: 0 };
  const idsOf = (versions: readonly HeldVersion[]) => versions.map(({ version }) => version);
  const current = (name: string) =>
    held(name)
      .entries.slice(0, 1)
      .find(({ removed }) => !removed);

  return {
    current,
    versions: (name) => held(name).entries.filter(({ removed }) => !removed),
    gone: (name) => held(name).gone,
    leftBehind: (name) => held(name).leftBehind,
    newest: (name) => held(name).entries[0]?.version,
    reserved: (name) => rules.removedNamesReserved === true && secrets.has(name) && current(name) === undefined,
    names: () => [...secrets.keys()].filter((name) => current(name) !== undefined),
    added(name, added) {
      const before = held(name);
      const all = [added, ...before.entries];
      const entries = all.slice(0, rules.keptVersions ?? all.length);
      const gone = [...before.gone, ...idsOf(all.slice(entries.length))];
      // A backend that counts from 1 again makes a version come back.
      secrets.set(name, { ...before, entries, gone: gone.filter((version) => version !== added.version) });
    },
    lost(name) {
      if (rules.conflictsLeaveVersions) secrets.set(name, { ...held(name), leftBehind: held(name).leftBehind + 1 });
    },
    removed(name) {
      const { entries, gone } = held(name);
      const [newest, ...older] = entries;
      if (newest === undefined) return;
      const next = rules.removesNewestAlone
        ? { entries: [{ ...newest, removed: true }, ...older], gone: [...gone, newest.version] }
        : { entries: [], gone: [...gone, ...idsOf(entries)] };
      secrets.set(name, { ...next, leftBehind: 0 });
    },
  };
}
