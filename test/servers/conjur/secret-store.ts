/** One version of a variable. */
export interface SecretVersion {
  readonly version: number;
  readonly value: Buffer;
}

/** The service keeps this many. */
export const keptVersions = 20;

/** The values of variables, by full id. */
export interface SecretStore {
  /** The newest, or the one asked for. */
  get(id: string, version?: number): SecretVersion | undefined;
  versions(id: string): readonly SecretVersion[];
  /** The same value again makes no new version. */
  put(id: string, value: Buffer): void;
  remove(id: string): void;
}

export function createSecretStore(): SecretStore {
  const held = new Map<string, SecretVersion[]>();
  return {
    get: (id, version) =>
      version === undefined ? held.get(id)?.at(-1) : held.get(id)?.find((entry) => entry.version === version),
    versions: (id) => held.get(id) ?? [],
    put(id, value) {
      const versions = held.get(id) ?? [];
      const newest = versions.at(-1);
      if (newest?.value.equals(value)) return;
      held.set(id, [...versions, { version: (newest?.version ?? 0) + 1, value }].slice(-keptVersions));
    },
    remove: (id) => held.delete(id),
  };
}
