import { type CallContext, type Content, isSecretsError, SecretsError, throwIfEnded, type WriteOptions } from "@keyhold/core";
import { secretPath, type Target } from "./secret-path.ts";
import { fieldsIn, fieldsOf, toData, versionOf } from "./to-record.ts";
import type { ApiSecret, Transport } from "./transport.ts";

/** What a new secret is made of. */
export interface NewSecret {
  readonly data: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly type?: string | undefined;
  readonly immutable?: boolean | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

interface Written {
  readonly version: string;
}

const idempotencyAnnotation = "keyhold-idempotency-key";

const movedOn = () =>
  new SecretsError("conflict", "the secret has another current version by now, or none", {
    provider: "kubernetes",
    hint: "Read it again, and write with the version that it has then.",
  });

/** @throws SecretsError `conflict` where there is one already. */
export async function createSecret(
  transport: Transport,
  { namespace, name }: Target,
  { data, labels, type, immutable, annotations }: NewSecret,
  context: CallContext,
): Promise<Written> {
  const body = { metadata: { name, labels, annotations }, data, type, immutable };
  const request = { verb: "create", path: secretPath(namespace), body, metadataOnly: true } as const;
  return { version: versionOf((await transport.call<ApiSecret>(request, context)).body) };
}

export interface Patch {
  readonly data: Readonly<Record<string, string | null>>;
  /** Whether `data` is all that stays. */
  readonly replace: boolean;
  readonly ifVersion: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * Changes a secret in one request, without a read before: the `$patch` directive replaces the data, labels are merged, and type and
 * owners stay. A version in it makes the API server refuse any other.
 * https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
 */
export async function patchSecret(
  transport: Transport,
  { namespace, name }: Target,
  { data, replace, ifVersion, labels, annotations }: Patch,
  context: CallContext,
): Promise<Written> {
  const body = {
    metadata: { labels, annotations, resourceVersion: ifVersion },
    data: replace ? { $patch: "replace", ...data } : data,
  };
  const request = {
    verb: "patch",
    path: secretPath(namespace, name),
    body,
    metadataOnly: true,
    // Without a version, a second time changes nothing more.
    repeatable: ifVersion === undefined,
  } as const;
  try {
    return { version: versionOf((await transport.call<ApiSecret>(request, context)).body) };
  } catch (error) {
    throw ifVersion !== undefined && isSecretsError(error, "not-found") ? movedOn() : error;
  }
}

const digest = (idempotencyKey: string): string =>
  process.getBuiltinModule("node:crypto").createHash("sha256").update(idempotencyKey).digest("hex");

/** The version that an earlier attempt with the same key and content has written, if it is still the current one. */
async function writtenBefore(
  transport: Transport,
  { namespace, name }: Target,
  { data, mark }: { readonly data: Readonly<Record<string, string>>; readonly mark: string },
  context: CallContext,
): Promise<string | undefined> {
  const request = { verb: "get", path: secretPath(namespace, name), answers: [404] } as const;
  const { status, body } = await transport.call<ApiSecret>(request, context);
  if (status === 404 || body.metadata?.annotations?.[idempotencyAnnotation] !== mark) return undefined;
  const found = toData(fieldsOf(body));
  const names = Object.keys(data);
  const isSame = names.length === Object.keys(found).length && names.every((field) => found[field] === data[field]);
  return isSame ? versionOf(body) : undefined;
}

/** Creates the secret, or replaces all its fields. */
export async function writeSecret(
  transport: Transport,
  target: Target,
  content: Content,
  { ifVersion, idempotencyKey, labels }: WriteOptions,
  context: CallContext,
): Promise<Written> {
  const data = toData(fieldsIn(content));
  let annotations: Readonly<Record<string, string>> | undefined;
  if (idempotencyKey !== undefined) {
    const mark = digest(idempotencyKey);
    const before = await writtenBefore(transport, target, { data, mark }, context);
    if (before !== undefined) return { version: before };
    annotations = { [idempotencyAnnotation]: mark };
  }
  const made: NewSecret = { data, labels, annotations };
  if (ifVersion === null) return createSecret(transport, target, made, context);
  const patch: Patch = { data, replace: true, ifVersion, labels, annotations };
  if (ifVersion !== undefined) return patchSecret(transport, target, patch, context);
  for (;;) {
    throwIfEnded(context);
    try {
      return await patchSecret(transport, target, patch, context);
    } catch (error) {
      if (!isSecretsError(error, "not-found")) throw error;
    }
    try {
      return await createSecret(transport, target, made, context);
    } catch (error) {
      // Somebody else created it between the two calls: then it is there to be changed.
      if (!isSecretsError(error, "conflict")) throw error;
    }
  }
}
