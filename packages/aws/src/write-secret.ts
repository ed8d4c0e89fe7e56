import { type CallContext, type Content, isSecretsError, type Locator, SecretsError, type WriteOptions } from "@keyhold/core";
import { currentStage } from "./to-record.ts";
import type { Transport } from "./transport.ts";

export interface WriteSettings {
  readonly transport: Transport;
  /** The key that encrypts new secrets. AWS's own by default. */
  readonly kmsKeyId: string | undefined;
}

interface Written {
  readonly VersionId: string;
}

type Value = { readonly SecretString: string } | { readonly SecretBinary: Uint8Array };

/** @throws SecretsError `invalid-argument` for what AWS does not hold. */
export function valueMember(content: Content): Value {
  if (content.kind === "fields") {
    throw new SecretsError("invalid-argument", "AWS Secrets Manager holds a string or bytes", {
      hint: "Write the fields as JSON text.",
    });
  }
  const { value } = content;
  if (value.length === 0) {
    throw new SecretsError("invalid-argument", "AWS Secrets Manager takes no empty value", {
      hint: "Remove the secret instead.",
    });
  }
  return typeof value === "string" ? { SecretString: value } : { SecretBinary: value };
}

const tagsOf = (labels: WriteOptions["labels"]) => labels && Object.entries(labels).map(([Key, Value]) => ({ Key, Value }));

/** AWS wants 32 to 64 characters; another key is hashed, so that equal keys stay equal. */
function requestToken(idempotencyKey: string | undefined): string {
  const { createHash, randomUUID } = process.getBuiltinModule("node:crypto");
  if (idempotencyKey === undefined) return randomUUID();
  if (/^[A-Za-z0-9-]{32,64}$/.test(idempotencyKey)) return idempotencyKey;
  return createHash("sha256").update(idempotencyKey).digest("hex");
}

/**
 * Creates the secret or adds a version, idempotent by ClientRequestToken.
 *
 * Compare-and-set is made of AWS's own check: the new version is put under a label nobody reads, and AWSCURRENT is then moved
 * to it *from* the expected version, which AWS refuses if it lies elsewhere.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
 */
export async function writeSecret(
  { transport, kmsKeyId }: WriteSettings,
  locator: Locator,
  content: Content,
  options: WriteOptions,
  context: CallContext,
): Promise<{ readonly version: string }> {
  const { ifVersion, idempotencyKey, labels } = options;
  const value = valueMember(content);
  const token = requestToken(idempotencyKey);
  const Tags = tagsOf(labels);
  const create = () =>
    transport.call<Written>(
      "CreateSecret",
      {
        Name: locator.path,
        ClientRequestToken: token,
        ...value,
        ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
        ...(Tags === undefined ? {} : { Tags }),
      },
      context,
    );
  const add = (stage: string | undefined) =>
    transport.call<Written>(
      "PutSecretValue",
      { SecretId: locator.path, ClientRequestToken: token, ...value, ...(stage === undefined ? {} : { VersionStages: [stage] }) },
      context,
    );

  if (ifVersion === null) return { version: (await create()).VersionId };
  if (ifVersion !== undefined) {
    const label = `keyhold-${token}`;
    const added = await add(label).catch((error) => Promise.reject(isSecretsError(error, "not-found") ? movedOn() : error));
    await makeCurrent({ transport, path: locator.path, label, version: added.VersionId, expected: ifVersion }, context);
    return { version: added.VersionId };
  }
  let version: string;
  try {
    version = (await add(locator.stage)).VersionId;
  } catch (error) {
    if (!isSecretsError(error, "not-found") || locator.stage !== undefined) throw error;
    try {
      return { version: (await create()).VersionId };
    } catch (raced) {
      // Somebody else created it between the two calls; a name that is scheduled for deletion is a conflict as well, and stays one.
      if (!isSecretsError(raced, "conflict")) throw raced;
      version = (await add(undefined).catch(() => Promise.reject(raced))).VersionId;
    }
  }
  if (Tags !== undefined) await transport.call("TagResource", { SecretId: locator.path, Tags }, context);
  return { version };
}

const movedOn = () =>
  new SecretsError("conflict", "the secret has another current version by now, or none", {
    provider: "aws",
    hint: "Read it again, and write with the version that it has then.",
  });

interface Move {
  readonly transport: Transport;
  readonly path: string;
  readonly label: string;
  readonly version: string;
  readonly expected: string;
}

/** Moves AWSCURRENT from the expected version to the new one, and takes the label off. A version without one AWS deletes in time. */
async function makeCurrent({ transport, path, label, version, expected }: Move, context: CallContext): Promise<void> {
  const move = { SecretId: path, VersionStage: currentStage, MoveToVersionId: version, RemoveFromVersionId: expected };
  const unlabel = { SecretId: path, VersionStage: label, RemoveFromVersionId: version };
  try {
    await transport.call("UpdateSecretVersionStage", move, context);
  } catch (error) {
    await transport.call("UpdateSecretVersionStage", unlabel, context).catch(() => {});
    throw isSecretsError(error, "invalid-argument", "not-found") ? movedOn() : error;
  }
  await transport.call("UpdateSecretVersionStage", unlabel, context);
}
