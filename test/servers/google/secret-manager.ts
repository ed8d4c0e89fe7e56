import { randomBytes, randomUUID } from "node:crypto";
import type { WallClock } from "../oidc/token-authority.ts";
import { checkSecret, durationMs } from "./check-secret.ts";
import { crc32c } from "./crc32c.ts";
import { GoogleError } from "./google-error.ts";

/** The methods of `SecretManagerService` that exist here, with the permission each needs. */
export const permissions = {
  CreateSecret: "secretmanager.secrets.create",
  GetSecret: "secretmanager.secrets.get",
  ListSecrets: "secretmanager.secrets.list",
  UpdateSecret: "secretmanager.secrets.update",
  DeleteSecret: "secretmanager.secrets.delete",
  AddSecretVersion: "secretmanager.versions.add",
  GetSecretVersion: "secretmanager.versions.get",
  AccessSecretVersion: "secretmanager.versions.access",
  ListSecretVersions: "secretmanager.versions.list",
  EnableSecretVersion: "secretmanager.versions.enable",
  DisableSecretVersion: "secretmanager.versions.disable",
  DestroySecretVersion: "secretmanager.versions.destroy",
} as const;

export type Method = keyof typeof permissions;
export type Permission = (typeof permissions)[Method];

/** A request message in proto3's JSON form, path and query included. */
export type Message = { readonly [field: string]: any };

interface Version {
  readonly number: number;
  readonly createTime: string;
  readonly hasChecksum: boolean;
  data: Buffer;
  state: "ENABLED" | "DISABLED" | "DESTROYED";
  destroyTime?: string;
  etag: string;
}

interface Secret {
  readonly name: string;
  readonly createTime: string;
  readonly replication: object | undefined;
  readonly versions: Version[];
  labels: Readonly<Record<string, string>> | undefined;
  annotations: Readonly<Record<string, string>> | undefined;
  versionAliases: Readonly<Record<string, string>> | undefined;
  expiresAtMs: number | undefined;
  etag: string;
}

export interface SecretManagerOptions {
  readonly clock: WallClock;
  readonly projectId: string;
  readonly projectNumber: string;
}

const longestPayload = 64 * 1024;
const newEtag = (): string => `"${randomBytes(7).toString("hex")}"`;
const invalid = (message: string): GoogleError => new GoogleError("INVALID_ARGUMENT", message);

/** The secrets of one project, global and regional, whatever transport asks. */
export class SecretManager {
  readonly #options: SecretManagerOptions;
  readonly #secrets = new Map<string, Secret>();
  readonly #pages = new Map<string, { readonly of: string; readonly items: readonly object[]; readonly total: number }>();
  readonly #restricted = new Map<string, ReadonlySet<string>>();

  constructor(options: SecretManagerOptions) {
    this.#options = options;
  }

  /** From now on this account may do only this. */
  restrict(email: string, allowed: readonly Permission[]): void {
    this.#restricted.set(email, new Set(allowed));
  }

  /** Carries out one call. `email`: who asks; undefined may do everything. */
  call(method: Method, message: Message, email: string | undefined): object {
    const resource = this.#resource(String(message.name ?? message.parent ?? message.secret?.name ?? ""));
    this.#authorize(method, resource, email);
    switch (method) {
      case "CreateSecret":
        return this.#create(resource, message);
      case "GetSecret":
        return this.#secretJson(this.#secret(resource));
      case "ListSecrets":
        return this.#listSecrets(resource, message);
      case "UpdateSecret":
        return this.#update(this.#secret(resource), message);
      case "DeleteSecret": {
        this.#checkEtag(this.#secret(resource), message.etag);
        this.#secrets.delete(resource);
        return {};
      }
      case "AddSecretVersion":
        return this.#add(this.#secret(resource), message);
      case "GetSecretVersion":
        return this.#versionJson(...this.#version(resource, true));
      case "AccessSecretVersion":
        return this.#access(...this.#version(resource, true));
      case "ListSecretVersions":
        return this.#listVersions(this.#secret(resource), message);
      case "EnableSecretVersion":
        return this.#change(resource, message, "ENABLED");
      case "DisableSecretVersion":
        return this.#change(resource, message, "DISABLED");
      case "DestroySecretVersion":
        return this.#change(resource, message, "DESTROYED");
    }
  }

  /** The name with the project by number, as answers have it. */
  #resource(name: string): string {
    const [, project, rest] = /^projects\/([^/]+)((?:\/.*)?)$/.exec(name) ?? [];
    if (project === undefined) throw invalid("The name is not valid.");
    const { projectId, projectNumber } = this.#options;
    if (project !== projectId && project !== projectNumber) {
      throw new GoogleError("PERMISSION_DENIED", `Permission denied on resource project ${project}.`, "CONSUMER_INVALID");
    }
    return `projects/${projectNumber}${rest}`;
  }

  #authorize(method: Method, resource: string, email: string | undefined): void {
    const allowed = email === undefined ? undefined : this.#restricted.get(email);
    if (allowed?.has(permissions[method]) ?? true) return;
    throw new GoogleError(
      "PERMISSION_DENIED",
      `Permission '${permissions[method]}' denied for resource '${resource}' (or it may not exist).`,
      "IAM_PERMISSION_DENIED",
    );
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }

  #find(name: string): Secret | undefined {
    const secret = this.#secrets.get(name);
    if (secret?.expiresAtMs === undefined || this.#options.clock.now() < secret.expiresAtMs) return secret;
    this.#secrets.delete(name);
    return undefined;
  }

  #secret(resource: string): Secret {
    if (!/^projects\/[^/]+(\/locations\/[^/]+)?\/secrets\/[^/]+$/.test(resource))
      throw invalid("The secret's name is not valid.");
    const secret = this.#find(resource);
    if (secret === undefined) throw new GoogleError("NOT_FOUND", `Secret [${resource}] not found.`);
    return secret;
  }

  #version(resource: string, byAlias: boolean): [Secret, Version] {
    const [, parent = "", id = ""] = /^(.+)\/versions\/([^/]+)$/.exec(resource) ?? [];
    const secret = this.#secret(parent);
    if (!byAlias && !/^\d+$/.test(id)) throw invalid("The version must be given by its number.");
    // The newest, whatever its state: nothing older takes its place.
    const number = id === "latest" ? secret.versions.length : Number(secret.versionAliases?.[id] ?? id);
    const version = secret.versions[number - 1];
    if (version !== undefined) return [secret, version];
    if (id === "latest") throw new GoogleError("NOT_FOUND", `Secret [${parent}] not found or has no versions.`);
    throw new GoogleError("NOT_FOUND", `Secret Version [${resource}] not found.`);
  }

  #checkEtag(stored: { readonly etag: string }, sent: unknown): void {
    if (sent === undefined || sent === "" || sent === stored.etag) return;
    throw new GoogleError("FAILED_PRECONDITION", "The provided etag does not match the current one.");
  }

  #create(parent: string, message: Message): object {
    const [, regional] = /^projects\/[^/]+(\/locations\/[^/]+)?$/.exec(parent) ?? [];
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(message.secretId ?? "")) throw invalid("The secret id is not valid.");
    const input = message.secret ?? {};
    checkSecret(input, this.#options.clock.now());
    if (regional === undefined && input.replication === undefined) throw invalid("secret.replication is required.");
    if (regional !== undefined && input.replication !== undefined) throw invalid("A regional secret has no replication.");
    const name = `${parent}/secrets/${message.secretId}`;
    if (this.#find(name)) throw new GoogleError("ALREADY_EXISTS", `Secret [${name}] already exists.`);
    const secret: Secret = {
      name,
      createTime: this.#now(),
      replication: input.replication,
      versions: [],
      labels: input.labels,
      annotations: input.annotations,
      versionAliases: undefined,
      expiresAtMs: this.#expiry(input),
      etag: newEtag(),
    };
    if (Object.keys(input.versionAliases ?? {}).length > 0) throw invalid("An alias must name a version that exists.");
    this.#secrets.set(name, secret);
    return this.#secretJson(secret);
  }

  #expiry(input: Message): number | undefined {
    if (input.ttl !== undefined) return this.#options.clock.now() + durationMs(input.ttl);
    return input.expireTime === undefined ? undefined : Date.parse(input.expireTime);
  }

  #update(secret: Secret, message: Message): object {
    const input = message.secret ?? {};
    // Its own client writes version_aliases, over REST too.
    const mask = String(message.updateMask ?? "")
      .split(",")
      .filter(Boolean)
      .map((path) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
    const known = ["labels", "annotations", "versionAliases", "expireTime", "ttl", "etag"];
    if (mask.length === 0 || !mask.every((field) => known.includes(field))) throw invalid("The update mask is not valid.");
    checkSecret(input, this.#options.clock.now());
    this.#checkEtag(secret, input.etag);
    if (mask.includes("versionAliases")) {
      const numbers = Object.values(input.versionAliases ?? {});
      if (!numbers.every((number) => secret.versions[Number(number) - 1]))
        throw invalid("An alias must name a version that exists.");
      secret.versionAliases = input.versionAliases;
    }
    if (mask.includes("labels")) secret.labels = input.labels;
    if (mask.includes("annotations")) secret.annotations = input.annotations;
    if (mask.includes("expireTime") || mask.includes("ttl")) secret.expiresAtMs = this.#expiry(input);
    secret.etag = newEtag();
    return this.#secretJson(secret);
  }

  #add(secret: Secret, message: Message): object {
    const { data, dataCrc32c } = message.payload ?? {};
    if (message.payload === undefined) throw invalid("payload is required.");
    const bytes = Buffer.from(data ?? "", "base64");
    if (bytes.length > longestPayload) throw invalid("The payload is larger than 65536 bytes.");
    if (dataCrc32c !== undefined && String(dataCrc32c) !== String(crc32c(bytes))) {
      throw invalid("The payload does not have the checksum that was sent with it.");
    }
    const version: Version = {
      number: secret.versions.length + 1,
      createTime: this.#now(),
      hasChecksum: dataCrc32c !== undefined,
      data: bytes,
      state: "ENABLED",
      etag: newEtag(),
    };
    secret.versions.push(version);
    return this.#versionJson(secret, version);
  }

  #access(secret: Secret, version: Version): object {
    const name = `${secret.name}/versions/${version.number}`;
    if (version.state !== "ENABLED") {
      throw new GoogleError("FAILED_PRECONDITION", `Secret Version [${name}] is in ${version.state} state.`);
    }
    return { name, payload: { data: version.data.toString("base64"), dataCrc32c: String(crc32c(version.data)) } };
  }

  #change(resource: string, message: Message, state: Version["state"]): object {
    const [secret, version] = this.#version(resource, false);
    this.#checkEtag(version, message.etag);
    if (version.state === "DESTROYED" && state !== "DESTROYED") {
      throw new GoogleError("FAILED_PRECONDITION", `Secret Version [${resource}] is in DESTROYED state.`);
    }
    if (state === "DESTROYED" && version.state !== "DESTROYED") {
      version.destroyTime = this.#now();
      version.data = Buffer.alloc(0);
    }
    version.state = state;
    // A change that changes nothing still makes a new etag.
    version.etag = newEtag();
    return this.#versionJson(secret, version);
  }

  #listSecrets(parent: string, message: Message): object {
    const wanted = readFilter(message.filter);
    const all = [...this.#secrets.keys()]
      .filter((name) => name.startsWith(`${parent}/secrets/`))
      .map((name) => this.#find(name))
      .filter((secret) => secret !== undefined)
      .filter((secret) =>
        wanted.every(([key, value]) =>
          key === "name" ? secret.name.includes(value) : secret.labels?.[key.slice("labels.".length)] === value,
        ),
      );
    return this.#page(
      "secrets",
      all.reverse().map((secret) => this.#secretJson(secret)),
      parent,
      message,
    );
  }

  #listVersions(secret: Secret, message: Message): object {
    const wanted = readFilter(message.filter);
    const all = secret.versions.filter((version) => wanted.every(([key, value]) => key === "state" && version.state === value));
    return this.#page(
      "versions",
      all.reverse().map((version) => this.#versionJson(secret, version)),
      secret.name,
      message,
    );
  }

  #page(field: "secrets" | "versions", all: readonly object[], parent: string, message: Message): object {
    const size = Number(message.pageSize || 25);
    if (!Number.isInteger(size) || size < 0) throw invalid("The page size is not valid.");
    const of = `${field} ${parent} ${message.filter ?? ""}`;
    const held = message.pageToken ? this.#pages.get(message.pageToken) : undefined;
    if (message.pageToken && held?.of !== of) throw invalid("The page token is not valid.");
    const items = held?.items ?? all;
    const total = held?.total ?? all.length;
    const rest = items.slice(size);
    const nextPageToken = rest.length > 0 ? randomUUID() : undefined;
    if (nextPageToken !== undefined) this.#pages.set(nextPageToken, { of, items: rest, total });
    const taken = items.slice(0, size);
    return {
      ...(taken.length > 0 && { [field]: taken }),
      ...(nextPageToken && { nextPageToken }),
      ...(total > 0 && { totalSize: total }),
    };
  }

  #secretJson(secret: Secret): object {
    const { name, createTime, replication, labels, annotations, versionAliases, expiresAtMs, etag } = secret;
    return {
      name,
      ...(replication && { replication }),
      createTime,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(versionAliases && { versionAliases }),
      ...(expiresAtMs !== undefined && { expireTime: new Date(expiresAtMs).toISOString() }),
      etag,
    };
  }

  #versionJson(secret: Secret, version: Version): object {
    return {
      name: `${secret.name}/versions/${version.number}`,
      createTime: version.createTime,
      ...(version.destroyTime && { destroyTime: version.destroyTime }),
      state: version.state,
      ...(secret.replication && { replicationStatus: { automatic: {} } }),
      etag: version.etag,
      ...(version.hasChecksum && { clientSpecifiedPayloadChecksum: true }),
    };
  }
}

/** `name:part`, `labels.key=value` and `state:STATE`, joined by AND: what of the filter language exists here. */
function readFilter(filter: unknown): [string, string][] {
  return String(filter ?? "")
    .split(" AND ")
    .filter(Boolean)
    .map((term) => {
      const [, key, value] = /^(name|state|labels\.[\w-]+)\s*[:=]\s*"?([^\s"]+)"?$/.exec(term.trim()) ?? [];
      if (key === undefined || value === undefined) throw invalid("The filter is not valid.");
      return [key, value];
    });
}
