import {
  type CallContext,
  type Content,
  isSecretsError,
  type Locator,
  SecretsError,
  throwIfEnded,
  type WriteOptions,
} from "@keyhold/core";
import { refuseStage } from "./read-variable.ts";
import type { Transport } from "./transport.ts";
import { fetchValue, showVariable, type Variable, variablePath } from "./variables.ts";

const refuse = (code: "invalid-argument" | "unsupported", what: string, hint: string) =>
  new SecretsError(code, what, { provider: "conjur", hint });

function bytesToWrite(content: Content): Uint8Array {
  if (content.kind === "fields") {
    throw refuse("invalid-argument", "a variable of Conjur holds a string or bytes", "Write the fields as JSON text.");
  }
  const bytes = Buffer.from(content.value as string);
  if (bytes.byteLength > 0) return bytes;
  throw refuse("invalid-argument", "Conjur takes no empty value", "Delete the variable by a policy instead.");
}

const newest = ({ versions }: Variable) => Number(versions[0]?.version ?? 0);

/** Which of the versions that came meanwhile holds these bytes. Where they may not be read, the newest. */
async function ownVersion(
  transport: Transport,
  { path, bytes, since }: { readonly path: string; readonly bytes: Uint8Array; readonly since: number },
  { versions }: Variable,
  context: CallContext,
): Promise<string | undefined> {
  try {
    for (const { version } of versions) {
      if (Number(version) < since) break;
      if (Buffer.compare(await fetchValue(transport, { path, version }, context), bytes) === 0) return version;
    }
  } catch (error) {
    if (!isSecretsError(error, "permission-denied", "not-found")) throw error;
  }
  return undefined;
}

/**
 * Gives a variable a value. Conjur makes no version of a value that it has already, and does not say which one it made, so it is asked
 * before and after.
 */
export async function writeSecret(
  transport: Transport,
  locator: Locator,
  content: Content,
  { ifVersion, labels }: WriteOptions,
  context: CallContext,
): Promise<{ readonly version: string }> {
  throwIfEnded(context);
  refuseStage(locator);
  const { path } = locator;
  const body = bytesToWrite(content);
  if (ifVersion !== undefined) {
    throw refuse("unsupported", "Conjur has no compare-and-set", "Write without ifVersion, and let one writer own a variable.");
  }
  if (labels !== undefined) {
    throw refuse(
      "unsupported",
      "a value brings no labels to Conjur",
      "Annotations stand in the policy that declares the variable.",
    );
  }
  const before = await showVariable(transport, path, context, "write");
  const headers = { "content-type": "application/octet-stream" };
  await transport.send("write", { method: "POST", path: variablePath("secrets", transport, path), headers, body }, context);
  const after = await showVariable(transport, path, context, "write");
  const isOwn = newest(after) - newest(before) <= 1;
  const own = isOwn ? undefined : await ownVersion(transport, { path, bytes: body, since: newest(before) }, after, context);
  return { version: own ?? String(newest(after)) };
}
