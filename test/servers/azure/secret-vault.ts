import { randomBytes } from "node:crypto";
import type { WallClock } from "../oidc/token-authority.ts";
import { badParameter, conflict, deletedNotFound, secretNotFound, VaultError } from "./vault-error.ts";

export interface SecretVaultOptions {
  readonly clock: WallClock;
  /** How long a deleted secret is in neither list. The service takes 5 to 10 s. */
  readonly deletingMs: number;
  /** How long a recovered secret stays unreadable. */
  readonly recoveringMs: number;
  readonly retentionDays: number;
  readonly purgeProtection: boolean;
}

/** What a PUT or PATCH may say. Times in seconds, as on the wire. */
export interface SecretChange {
  readonly value?: string;
  readonly contentType?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly attributes?: { readonly enabled?: boolean; readonly nbf?: number; readonly exp?: number };
}

interface Version {
  readonly id: string;
  readonly value: string;
  readonly created: number;
  updated: number;
  enabled: boolean;
  nbf?: number;
  exp?: number;
  contentType?: string;
  tags?: Readonly<Record<string, string>>;
}

interface Entry {
  /** As it was first written; looked up without regard to case. */
  readonly name: string;
  readonly versions: Version[];
  deletedAtMs?: number;
  recoveredAtMs?: number;
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000);
const longestValue = 25 * 1024;

function checkChange(change: SecretChange): void {
  if (change.value !== undefined && change.value.length > longestValue) throw badParameter("The secret value is too long.");
  if ((change.contentType?.length ?? 0) > 255) throw badParameter("The content type is too long.");
  const tags = Object.entries(change.tags ?? {});
  if (tags.length > 15) throw badParameter("There can be at most 15 tags.");
  if (tags.some(([name, value]) => name.length > 256 || value.length > 256)) throw badParameter("A tag is too long.");
  const { nbf, exp } = change.attributes ?? {};
  if (nbf !== undefined && exp !== undefined && exp < nbf) throw badParameter("The expiry lies before the activation.");
}

/** The secrets of one vault, and what the service says of each. */
export class SecretVault {
  readonly #entries = new Map<string, Entry>();
  readonly #options: SecretVaultOptions;
  /** `https://HOST:PORT`, the start of every id. Known once the server listens. */
  url = "";

  constructor(options: SecretVaultOptions) {
    this.#options = options;
  }

  set(name: string, change: SecretChange): object {
    checkName(name);
    checkChange(change);
    const entry = this.#find(name) ?? { name, versions: [] };
    this.#refuseWhileGone(entry);
    const now = wholeSeconds(this.#options.clock.now());
    const { enabled = true, nbf, exp } = change.attributes ?? {};
    entry.versions.push({
      id: randomBytes(16).toString("hex"),
      value: change.value ?? "",
      created: now,
      updated: now,
      enabled,
      ...(nbf !== undefined && { nbf }),
      ...(exp !== undefined && { exp }),
      ...(change.contentType !== undefined && { contentType: change.contentType }),
      ...(change.tags !== undefined && { tags: change.tags }),
    });
    this.#entries.set(name.toLowerCase(), entry);
    return this.#bundle(entry, entry.versions.at(-1) as Version, true);
  }

  get(name: string, versionId: string): object {
    const { entry, version } = this.#version(name, versionId);
    // An expired secret, or one that is not valid yet, is given out all the same.
    if (!version.enabled) {
      throw new VaultError(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled");
    }
    return this.#bundle(entry, version, true);
  }

  update(name: string, versionId: string, change: SecretChange): object {
    checkChange(change);
    const { entry, version } = this.#version(name, versionId);
    Object.assign(version, change.attributes, {
      updated: wholeSeconds(this.#options.clock.now()),
      ...(change.contentType !== undefined && { contentType: change.contentType }),
      ...(change.tags !== undefined && { tags: change.tags }),
    });
    return this.#bundle(entry, version, false);
  }

  remove(name: string): object {
    const entry = this.#live(name);
    entry.deletedAtMs = this.#options.clock.now();
    delete entry.recoveredAtMs;
    return this.#deletedBundle(entry);
  }

  list(): object[] {
    return this.#all()
      .filter((entry) => entry.deletedAtMs === undefined && !this.#isRecovering(entry))
      .map((entry) => this.#item(entry, entry.versions.at(-1) as Version, ""));
  }

  /** In the order of their ids, which is no order in time. */
  versions(name: string): object[] {
    checkName(name);
    const entry = this.#find(name);
    if (entry === undefined || entry.deletedAtMs !== undefined || this.#isRecovering(entry)) return [];
    return [...entry.versions]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((version) => this.#item(entry, version, `/${version.id}`));
  }

  getDeleted(name: string): object {
    return this.#deletedBundle(this.#deleted(name));
  }

  listDeleted(): object[] {
    return this.#all()
      .filter((entry) => entry.deletedAtMs !== undefined && !this.#isDeleting(entry))
      .map((entry) => ({ ...this.#deletion(entry), ...this.#item(entry, entry.versions.at(-1) as Version, "") }));
  }

  recover(name: string): object {
    const entry = this.#deleted(name, true);
    delete entry.deletedAtMs;
    entry.recoveredAtMs = this.#options.clock.now();
    return this.#bundle(entry, entry.versions.at(-1) as Version, false);
  }

  purge(name: string): void {
    if (this.#options.purgeProtection) {
      throw new VaultError(
        403,
        "Forbidden",
        'Operation "purge" is not allowed because purge protection is enabled for this vault.',
      );
    }
    this.#entries.delete(this.#deleted(name, true).name.toLowerCase());
  }

  /** Without what the service has purged by itself. */
  #find(name: string): Entry | undefined {
    const entry = this.#entries.get(name.toLowerCase());
    const keptMs = this.#options.retentionDays * 24 * 60 * 60 * 1000;
    if (entry?.deletedAtMs === undefined || this.#options.clock.now() < entry.deletedAtMs + keptMs) return entry;
    this.#entries.delete(name.toLowerCase());
    return undefined;
  }

  #all(): Entry[] {
    const entries = [...this.#entries.keys()].map((key) => this.#find(key)).filter((entry) => entry !== undefined);
    return entries.sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  }

  #live(name: string): Entry {
    checkName(name);
    const entry = this.#find(name);
    if (entry === undefined || entry.deletedAtMs !== undefined || this.#isRecovering(entry)) throw secretNotFound(name);
    return entry;
  }

  #version(name: string, versionId: string): { entry: Entry; version: Version } {
    const entry = this.#live(name);
    const version = versionId === "" ? entry.versions.at(-1) : entry.versions.find(({ id }) => id === versionId.toLowerCase());
    if (version === undefined) throw secretNotFound(`${name}/${versionId}`);
    return { entry, version };
  }

  #deleted(name: string, change = false): Entry {
    checkName(name);
    const entry = this.#find(name);
    if (entry?.deletedAtMs === undefined) throw deletedNotFound(name);
    if (!this.#isDeleting(entry)) return entry;
    throw change ? conflict("Secret is currently being deleted.", "ObjectIsBeingDeleted") : deletedNotFound(name);
  }

  #isDeleting(entry: Entry): boolean {
    return entry.deletedAtMs !== undefined && this.#options.clock.now() < entry.deletedAtMs + this.#options.deletingMs;
  }

  #isRecovering(entry: Entry): boolean {
    return entry.recoveredAtMs !== undefined && this.#options.clock.now() < entry.recoveredAtMs + this.#options.recoveringMs;
  }

  #refuseWhileGone(entry: Entry): void {
    const { name } = entry;
    if (this.#isDeleting(entry)) throw conflict(`Secret ${name} is currently being deleted.`, "ObjectIsBeingDeleted");
    if (this.#isRecovering(entry)) throw conflict(`Secret ${name} is currently being recovered.`, "ObjectIsBeingRecovered");
    if (entry.deletedAtMs === undefined) return;
    throw conflict(`Secret ${name} is currently in a deleted but recoverable state.`, "ObjectIsDeletedButRecoverable");
  }

  #item(entry: Entry, version: Version, suffix: string): object {
    const { retentionDays, purgeProtection } = this.#options;
    const level = `${retentionDays < 90 ? "CustomizedRecoverable" : "Recoverable"}${purgeProtection ? "" : "+Purgeable"}`;
    return {
      id: `${this.url}/secrets/${entry.name}${suffix}`,
      attributes: {
        enabled: version.enabled,
        ...(version.nbf !== undefined && { nbf: version.nbf }),
        ...(version.exp !== undefined && { exp: version.exp }),
        created: version.created,
        updated: version.updated,
        recoveryLevel: level,
        recoverableDays: retentionDays,
      },
      ...(version.contentType !== undefined && { contentType: version.contentType }),
      ...(version.tags !== undefined && { tags: version.tags }),
    };
  }

  #bundle(entry: Entry, version: Version, withValue: boolean): object {
    return { ...(withValue && { value: version.value }), ...this.#item(entry, version, `/${version.id}`) };
  }

  #deletion(entry: Entry): object {
    const deletedDate = wholeSeconds(entry.deletedAtMs ?? 0);
    return {
      recoveryId: `${this.url}/deletedsecrets/${entry.name}`,
      deletedDate,
      scheduledPurgeDate: deletedDate + this.#options.retentionDays * 24 * 60 * 60,
    };
  }

  #deletedBundle(entry: Entry): object {
    return { ...this.#deletion(entry), ...this.#bundle(entry, entry.versions.at(-1) as Version, false) };
  }
}

function checkName(name: string): void {
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) throw badParameter("The request URI contains an invalid name.");
}
