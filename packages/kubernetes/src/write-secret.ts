import { type CallContext, type Content, SecretsError, throwIfEnded, type WriteOptions } from "@keyhold/core";
import { kubernetesError } from "./kubernetes-error.ts";
import { secretPath, type Target } from "./secret-path.ts";
import { fieldsIn, fieldsOf, toData, versionOf } from "./to-record.ts";
import type { ApiSecret, ApiStatus, ObjectMeta, Transport } from "./transport.ts";

type Texts = Readonly<Record<string, string>>;

/** What a new secret is made of. */
export interface NewSecret {
  readonly data: Texts;
  readonly labels?: Texts | undefined;
  readonly annotations?: Texts | undefined;
  readonly type?: string | undefined;
  readonly immutable?: boolean | undefined;
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

/** Undefined where there is one already. */
async function tryCreate(
  transport: Transport,
  { namespace, name }: Target,
  { data, labels, annotations, type, immutable }: NewSecret,
  context: CallContext,
): Promise<Written | undefined> {
  const body = { metadata: { name, labels, annotations }, data, type, immutable };
  const { status, body: answer } = await transport.call<ApiSecret & ApiStatus>(
    { verb: "create", path: secretPath(namespace), body, metadataOnly: true, answers: [409] },
    context,
  );
  if (status !== 409) return { version: versionOf(answer) };
  if (answer.reason === "AlreadyExists") return undefined;
  throw kubernetesError({ status, answer });
}

/** @throws SecretsError `conflict` where there is one already. */
export async function createSecret(
  transport: Transport,
  target: Target,
  secret: NewSecret,
  context: CallContext,
): Promise<Written> {
  const created = await tryCreate(transport, target, secret, context);
  if (created) return created;
  throw kubernetesError({ status: 409, answer: { reason: "AlreadyExists" } });
}

/** Sends a patch. With a version in it the API server takes it only where that is the current one, and otherwise it has "moved". */
async function patch(
  transport: Transport,
  { namespace, name }: Target,
  body: unknown,
  options: { readonly repeatable: boolean },
  context: CallContext,
): Promise<Written | "missing" | "moved"> {
  const request = { verb: "patch", path: secretPath(namespace, name), body, metadataOnly: true, answers: [404, 409] } as const;
  const { status, body: answer } = await transport.call<ApiSecret & ApiStatus>({ ...request, ...options }, context);
  if (status === 404) return "missing";
  if (status !== 409) return { version: versionOf(answer) };
  if (answer.reason === "Conflict") return "moved";
  throw kubernetesError({ status, answer });
}

/** Changes the named fields and leaves the others: RFC 7386, where null removes. */
export async function patchFields(
  transport: Transport,
  target: Target,
  { data, ifVersion }: { readonly data: Readonly<Record<string, string | null>>; readonly ifVersion: string | undefined },
  context: CallContext,
): Promise<Written> {
  const body = { metadata: { resourceVersion: ifVersion }, data };
  const patched = await patch(transport, target, body, { repeatable: ifVersion === undefined }, context);
  if (typeof patched === "object") return patched;
  if (ifVersion !== undefined || patched === "moved") throw movedOn();
  throw kubernetesError({ status: 404, answer: { reason: "NotFound" } });
}

interface Replacement {
  readonly data: Texts;
  readonly labels: Texts | undefined;
  readonly annotations: Texts | undefined;
}

/**
 * RFC 6902, because it replaces the data also where there was none; type and owners stay. A strategic merge patch, whose `$patch`
 * directive would do this and merge labels at once, silently drops the data of a secret that had none.
 */
function replacing(
  { data, labels, annotations }: Replacement,
  current: ObjectMeta,
  version: string | undefined,
): readonly unknown[] {
  const add = (path: string, value: unknown) => ({ op: "add", path, value });
  return [
    add("/data", data),
    ...(labels ? [add("/metadata/labels", { ...current.labels, ...labels })] : []),
    ...(annotations ? [add("/metadata/annotations", { ...current.annotations, ...annotations })] : []),
    ...(version === undefined ? [] : [add("/metadata/resourceVersion", version)]),
  ];
}

const digest = (idempotencyKey: string): string =>
  process.getBuiltinModule("node:crypto").createHash("sha256").update(idempotencyKey).digest("hex");

/** Whether this is what an earlier attempt with the same key and content has left. */
function isDone({ metadata, ...secret }: ApiSecret, { data, annotations }: Replacement): boolean {
  const mark = annotations?.[idempotencyAnnotation];
  if (mark === undefined || metadata?.annotations?.[idempotencyAnnotation] !== mark) return false;
  const found = toData(fieldsOf(secret));
  const names = Object.keys(data);
  return names.length === Object.keys(found).length && names.every((field) => found[field] === data[field]);
}

/** What is there, where labels and marks must be joined to what it has. */
async function currentSecret(
  transport: Transport,
  { namespace, name }: Target,
  { labels, annotations }: Replacement,
  context: CallContext,
): Promise<ApiSecret | undefined> {
  if (labels === undefined && annotations === undefined) return undefined;
  const metadataOnly = annotations === undefined;
  const { status, body } = await transport.call<ApiSecret>(
    { verb: "get", path: secretPath(namespace, name), metadataOnly, answers: [404] },
    context,
  );
  return status === 404 ? undefined : body;
}

/** Creates the secret, or replaces all its fields. */
export async function writeSecret(
  transport: Transport,
  target: Target,
  content: Content,
  { ifVersion, idempotencyKey, labels }: WriteOptions,
  context: CallContext,
): Promise<Written> {
  const annotations = idempotencyKey === undefined ? undefined : { [idempotencyAnnotation]: digest(idempotencyKey) };
  const replacement: Replacement = { data: toData(fieldsIn(content)), labels, annotations };
  for (;;) {
    throwIfEnded(context);
    const current = await currentSecret(transport, target, replacement, context);
    if (current && isDone(current, replacement)) return { version: versionOf(current) };
    if (ifVersion === null) return createSecret(transport, target, replacement, context);
    const version = ifVersion ?? (current && versionOf(current));
    const body = replacing(replacement, current?.metadata ?? {}, version);
    // Without a version, a second time changes nothing more.
    const written = await patch(transport, target, body, { repeatable: version === undefined }, context);
    if (typeof written === "object") return written;
    if (ifVersion !== undefined) throw movedOn();
    if (written === "moved") continue;
    const created = await tryCreate(transport, target, replacement, context);
    if (created) return created;
  }
}
