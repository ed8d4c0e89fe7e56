import { type CallContext, type Content, contentVersion, type Locator, type SecretRecord, SecretsError } from "@keyhold/core";
import type { Leases } from "./leases.ts";
import type { Mount, Mounts, Place } from "./mounts.ts";
import type { Session } from "./session.ts";
import type { Method, VaultAnswer, VaultRequest } from "./transport.ts";
import { unexpectedAnswer, vaultError } from "./vault-error.ts";
import { checkedPath } from "./vault-path.ts";

/** What the provider's methods are made of. */
export interface Backend {
  readonly session: Session;
  readonly mounts: Mounts;
  readonly leases: Leases;
  /** What is sent to paths that answer only when something is sent to them. */
  readonly parameters: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** The request that reads a secret. */
interface Reading {
  readonly method: Method;
  readonly path: string;
  readonly request: VaultRequest;
  readonly versioned: boolean;
  readonly mount?: Mount;
}

interface VersionMetadata {
  readonly created_time?: unknown;
  readonly custom_metadata?: Readonly<Record<string, string>> | null;
  readonly deletion_time?: unknown;
  readonly version?: unknown;
}

const unsupported = (what: string, hint: string) => new SecretsError("unsupported", what, { provider: "vault", hint });

/** A version of the key-value store. @throws SecretsError `invalid-argument` for what is none: Vault takes 0 for the newest. */
export function versionNumber(version: string): number {
  if (/^[1-9]\d{0,8}$/.test(version)) return Number(version);
  throw new SecretsError("invalid-argument", "a version in Vault is a number from 1", {
    provider: "vault",
    hint: "Write it like ?version=3, or leave it out for the newest.",
  });
}

/** @throws SecretsError `unsupported` unless the place keeps versions. */
export function versionedPlace(place: Place): Place {
  if (place.mount.engine === "kv2") return place;
  throw unsupported(
    "only version 2 of the key-value store keeps versions",
    "Upgrade the mount: vault kv enable-versioning, or leave the version out.",
  );
}

/** The request that reads this secret, for its engine. */
export async function readingOf(backend: Backend, locator: Locator, context: CallContext): Promise<Reading> {
  const path = checkedPath(locator.path);
  if (locator.stage !== undefined) throw unsupported("Vault has no stages", "Name a version: ?version=3.");
  const body = backend.parameters.get(path);
  if (body !== undefined && locator.version === undefined) return { method: "POST", path, request: { body }, versioned: false };
  const place = await backend.mounts.placeOf(path, context);
  const { mount, name } = locator.version === undefined ? place : versionedPlace(place);
  if (mount.engine !== "kv2") return { method: "GET", path, request: {}, versioned: false, mount };
  const query = locator.version === undefined ? {} : { version: versionNumber(locator.version) };
  return { method: "GET", path: `${mount.path}data/${name}`, request: { query }, versioned: true };
}

/** Milliseconds since 1970 of a time that Vault writes, which is empty where there is none. */
export function timeOf(text: unknown): number | undefined {
  const at = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function fieldsOf(data: unknown): Content & { kind: "fields" } {
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw unexpectedAnswer("data");
  return { kind: "fields", fields: data as never };
}

/** A version of the key-value store as it was read. */
export function versionedRecord(answer: VaultAnswer): SecretRecord {
  const { data, metadata = {} } = (answer.body?.data ?? {}) as { readonly data?: unknown; readonly metadata?: VersionMetadata };
  const { version, custom_metadata: labels } = metadata;
  if (typeof version !== "number") throw unexpectedAnswer("version");
  const createdAt = timeOf(metadata.created_time);
  const expiresAt = timeOf(metadata.deletion_time);
  return {
    content: fieldsOf(data),
    version: String(version),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(labels ? { labels } : {}),
  };
}

/** A deleted or destroyed version is answered with 404 and its metadata. */
function gone(answer: VaultAnswer): SecretsError | undefined {
  const { metadata } = (answer.body?.data ?? {}) as { readonly metadata?: { readonly destroyed?: unknown } };
  if (answer.status !== 404 || metadata === undefined) return undefined;
  const destroyed = metadata.destroyed === true;
  return new SecretsError("not-found", `this version was ${destroyed ? "destroyed" : "deleted"}`, {
    provider: "vault",
    hint: destroyed ? "An older version may be left: list the versions." : "undelete() brings it back.",
  });
}

/** Where a mount was upgraded to version 2, Vault answers the paths of version 1 with this and a warning. */
const isUpgraded = ({ status, body }: VaultAnswer): boolean =>
  status === 404 && Array.isArray(body?.warnings) && body.warnings.length > 0;

/** Reads any path: a secret of the key-value store, or whatever an engine makes up when it is asked, with its lease. */
export async function readSecret(backend: Backend, locator: Locator, context: CallContext): Promise<SecretRecord> {
  const ask = async () => {
    const reading = await readingOf(backend, locator, context);
    return { ...reading, ...(await backend.session.send(reading.method, reading.path, reading.request, context)) };
  };
  let asked = await ask();
  if (asked.mount?.engine === "kv1" && isUpgraded(asked.answer)) {
    backend.mounts.forget(asked.mount);
    asked = await ask();
  }
  const { answer, token, versioned } = asked;
  if (answer.status >= 300) throw gone(answer) ?? vaultError(answer, context.clock);
  if (versioned) return versionedRecord(answer);
  const content = fieldsOf(answer.body?.data);
  const lease = backend.leases.of(answer, token, context.clock);
  return lease === undefined ? { content, version: contentVersion(content) } : { content, version: lease.id, lease };
}
