import {
  type CallContext,
  type Content,
  contentVersion,
  isSecretsError,
  type Locator,
  SecretsError,
  type WriteOptions,
} from "@keyhold/core";
import { metadataPath, readMetadata } from "./metadata.ts";
import type { Place } from "./mounts.ts";
import type { Backend } from "./read-secret.ts";
import { errorText, unexpectedAnswer, vaultError } from "./vault-error.ts";
import { checkedPath } from "./vault-path.ts";

type Fields = Readonly<Record<string, unknown>>;

const refuse = (code: "invalid-argument" | "unsupported", what: string, hint: string) =>
  new SecretsError(code, what, { provider: "vault", hint });

function checkedFields(content: Content): Fields {
  if (content.kind === "opaque")
    throw refuse("invalid-argument", "Vault holds named fields", 'Give an object, such as { value: "…" }.');
  if (Object.values(content.fields).some((value) => value instanceof Uint8Array)) {
    throw refuse("invalid-argument", "Vault's fields are JSON, which holds no bytes", "Write the bytes as base64 text.");
  }
  return content.fields;
}

/** The number that a compare-and-set needs. What is no version of Vault's is nobody's current one. */
function expected(ifVersion: string): number {
  if (/^[1-9]\d{0,8}$/.test(ifVersion)) return Number(ifVersion);
  throw new SecretsError("conflict", "the secret has another current version", {
    provider: "vault",
    hint: "Read it again, and write with the version that it has then.",
  });
}

async function writeVersioned(
  { session }: Backend,
  place: Place,
  data: Fields,
  ifVersion: string | null | undefined,
  context: CallContext,
): Promise<string> {
  const send = (cas: number | undefined) => {
    const body = { data, ...(cas === undefined ? {} : { options: { cas } }) };
    return session.send("POST", `${place.mount.path}data/${place.name}`, { body }, context);
  };
  let { answer } = await send(ifVersion === null ? 0 : ifVersion === undefined ? undefined : expected(ifVersion));
  if (answer.status === 400 && ifVersion === undefined && errorText(answer).includes("check-and-set parameter required")) {
    // The mount or the secret demands a comparison from everybody; this caller wants to write over whatever is there.
    const found = await readMetadata(session, place, context).catch(orNothing);
    ({ answer } = await send(found?.newest ?? 0));
  } else if (answer.status === 400 && ifVersion === null) {
    // Vault compares with the newest version, also a deleted one. For us there is no secret then.
    const found = await readMetadata(session, place, context).catch(orNothing);
    if (found !== undefined && found.current === undefined) ({ answer } = await send(found.newest));
  }
  if (answer.status >= 300) throw vaultError(answer, context.clock);
  const { version } = (answer.body?.data ?? {}) as { readonly version?: unknown };
  if (typeof version !== "number") throw unexpectedAnswer("version");
  return String(version);
}

const orNothing = (error: unknown) => (isSecretsError(error, "not-found") ? undefined : Promise.reject(error));

/** Writes to either version of the key-value store. */
export async function writeSecret(
  backend: Backend,
  locator: Locator,
  content: Content,
  { ifVersion, labels }: WriteOptions,
  context: CallContext,
): Promise<{ readonly version: string }> {
  const path = checkedPath(locator.path);
  const fields = checkedFields(content);
  if (locator.version !== undefined || locator.stage !== undefined) {
    throw refuse("unsupported", "Vault gives each write a version of its own", "Leave version and stage out.");
  }
  const place = await backend.mounts.placeOf(path, context);
  const { session } = backend;
  if (place.mount.engine === "kv2") {
    const version = await writeVersioned(backend, place, fields, ifVersion, context);
    if (labels !== undefined) await session.call("POST", metadataPath(place), { body: { custom_metadata: labels } }, context);
    return { version };
  }
  if (place.mount.engine === "other") {
    throw refuse(
      "unsupported",
      "only key-value stores are written to",
      "What is sent to other engines to make them answer stands in the option parameters.",
    );
  }
  if (ifVersion !== undefined || labels !== undefined) {
    throw refuse(
      "unsupported",
      "version 1 of the key-value store has neither versions nor labels",
      "Upgrade the mount: vault kv enable-versioning.",
    );
  }
  await session.call("POST", path, { body: fields }, context);
  return { version: contentVersion(content) };
}
