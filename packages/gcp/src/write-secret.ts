import { type CallContext, type Content, isSecretsError, type Locator, SecretsError, type WriteOptions } from "@keyhold/core";
import { crc32c } from "./crc32c.ts";
import { lastSegment } from "./resource-name.ts";
import type { SecretMessage, Transport, VersionMessage } from "./transport.ts";

export interface WriteTarget {
  readonly transport: Transport;
  /** Where the secret lies: `projects/P` or `projects/P/locations/L`. */
  readonly parent: string;
  readonly secretId: string;
  /** Of a secret that is created. Undefined for a regional one. */
  readonly replication: Readonly<Record<string, unknown>> | undefined;
}

const longestBytes = 65_536;

function payloadOf(content: Content): Readonly<Record<string, unknown>> {
  if (content.kind === "fields") {
    throw new SecretsError("invalid-argument", "Google Secret Manager holds a string or bytes", {
      hint: "Write the fields as JSON text.",
    });
  }
  // A copy: the caller may go on to wipe its own bytes while ours are on their way.
  const data = Buffer.from(content.value as string);
  if (data.byteLength > longestBytes) {
    throw new SecretsError("invalid-argument", "Google Secret Manager takes at most 65,536 bytes", {
      hint: "Keep the large part elsewhere, and its key here.",
    });
  }
  return { data, dataCrc32c: String(crc32c(data)) };
}

/** What the service has no way to promise is refused before anything is sent. */
export function checkWrite({ stage }: Locator, { ifVersion, idempotencyKey }: WriteOptions): void {
  const refuse = (what: string, hint: string) => new SecretsError("unsupported", what, { provider: "gcp", hint });
  if (stage !== undefined) {
    throw refuse("Google Secret Manager adds versions under their number only", "Move the alias with gcloud after the write.");
  }
  if (typeof ifVersion === "string") {
    throw refuse("Google Secret Manager cannot add a version on condition of another", "ifVersion: null, create only, works.");
  }
  if (idempotencyKey !== undefined) {
    throw refuse(
      "Google Secret Manager has no idempotency key",
      "Write without one, and after a timeout look before you repeat.",
    );
  }
}

/**
 * Adds a version; the secret is created if there is none, and only then with `ifVersion: null`. Labels come first and under the
 * secret's etag, so that a conflict over them leaves the value alone.
 */
export async function writeSecret(
  { transport, parent, secretId, replication }: WriteTarget,
  content: Content,
  { ifVersion, labels }: WriteOptions,
  context: CallContext,
): Promise<{ readonly version: string }> {
  const payload = payloadOf(content);
  const name = `${parent}/secrets/${secretId}`;
  const create = () =>
    transport.call<SecretMessage>(
      "CreateSecret",
      { parent, secretId, secret: { ...(replication && { replication }), ...(labels && { labels }) } },
      context,
    );
  const add = async () => {
    const { name: added } = await transport.call<VersionMessage>("AddSecretVersion", { parent: name, payload }, context);
    return { version: lastSegment(added) };
  };
  const createUnlessThere = () =>
    create().catch((error: unknown) => {
      // Somebody else created it between the two calls.
      if (!isSecretsError(error, "conflict")) throw error;
    });

  if (ifVersion === null) {
    await create();
    return add();
  }
  if (labels !== undefined) await label(transport, name, labels, create, context);
  try {
    return await add();
  } catch (error) {
    if (!isSecretsError(error, "not-found")) throw error;
    await createUnlessThere();
    return add();
  }
}

/** Adds labels to those that are there, as long as nobody else changes the secret meanwhile. */
async function label(
  transport: Transport,
  name: string,
  labels: Readonly<Record<string, string>>,
  create: () => Promise<unknown>,
  context: CallContext,
): Promise<void> {
  let secret: SecretMessage;
  try {
    secret = await transport.call<SecretMessage>("GetSecret", { name }, context);
  } catch (error) {
    if (!isSecretsError(error, "not-found")) throw error;
    await create();
    return;
  }
  const update = { name, etag: secret.etag, labels: { ...secret.labels, ...labels } };
  // In snake case, as the messages name their fields: the SDK hands paths to REST as they are.
  await transport.call("UpdateSecret", { secret: update, updateMask: { paths: ["labels"] } }, context);
}
