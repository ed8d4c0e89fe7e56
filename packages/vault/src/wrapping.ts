import {
  type CallContext,
  contentVersion,
  type Locator,
  type Secret,
  type SecretRecord,
  SecretsError,
  secret,
} from "@keyhold/core";
import { type Backend, readingOf, versionedRecord } from "./read-secret.ts";
import { unexpectedAnswer, vaultError } from "./vault-error.ts";

/** A secret in Vault's keeping, for whoever has the token, once. */
export interface WrappedSecret {
  readonly token: Secret;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Reads a secret without seeing it. https://developer.hashicorp.com/vault/docs/concepts/response-wrapping */
export async function wrap(backend: Backend, locator: Locator, ttlMs: number, context: CallContext): Promise<WrappedSecret> {
  if (!(ttlMs >= 1_000 && Number.isFinite(ttlMs))) {
    throw new SecretsError("invalid-argument", "ttlMs is at least 1,000", { provider: "vault", hint: "It is in milliseconds." });
  }
  const { method, path, request } = await readingOf(backend, locator, context);
  const headers = { "x-vault-wrap-ttl": `${Math.ceil(ttlMs / 1000)}s` };
  const { body } = await backend.session.call(method, path, { ...request, headers }, context);
  const { token, ttl } = (body?.wrap_info ?? {}) as { readonly token?: unknown; readonly ttl?: unknown };
  if (typeof token !== "string" || typeof ttl !== "number") throw unexpectedAnswer("wrapping token");
  return { token: secret(token), expiresAt: context.clock.now() + ttl * 1000 };
}

/** Whether this is what version 2 of the key-value store answers: Vault does not say what it had wrapped. */
function isVersioned(data: object): boolean {
  const { metadata } = data as { readonly metadata?: { readonly version?: unknown; readonly created_time?: unknown } };
  return (
    Object.keys(data).length === 2 &&
    "data" in data &&
    typeof metadata?.version === "number" &&
    typeof metadata.created_time === "string"
  );
}

/**
 * Takes out what was wrapped. It can be done once, and needs nothing but the token.
 *
 * @throws SecretsError `not-found` for a token that was used or has expired.
 */
export async function unwrap({ session }: Backend, token: string | Secret, context: CallContext): Promise<SecretRecord> {
  const headers = { "x-vault-token": typeof token === "string" ? token : token.text() };
  const answer = await session.bare("POST", "sys/wrapping/unwrap", { headers }, context);
  if (answer.status >= 300) throw vaultError(answer, context.clock);
  const data = answer.body?.data;
  if (typeof data !== "object" || data === null) throw unexpectedAnswer("data");
  if (isVersioned(data)) return versionedRecord(answer);
  const content = { kind: "fields", fields: data as never } as const;
  return { content, version: contentVersion(content) };
}
