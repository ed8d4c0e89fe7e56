import { type CallContext, type Locator, type RemoveOptions, SecretsError } from "@keyhold/core";
import { enabledVersion, readMetadata } from "./metadata.ts";
import { type Backend, versionedPlace } from "./read-secret.ts";
import { checkedPath } from "./vault-path.ts";

/** Deletes so that it can be undone, or in version 1 of the key-value store for good. */
export async function removeSecret(
  { session, mounts }: Backend,
  locator: Locator,
  { ifVersion }: RemoveOptions,
  context: CallContext,
): Promise<void> {
  const place = await mounts.placeOf(checkedPath(locator.path), context);
  if (place.mount.engine === "kv1" && locator.version === undefined && ifVersion === undefined) {
    // Deleting what is not there is answered with success.
    await session.call("GET", locator.path, {}, context);
    await session.call("DELETE", locator.path, {}, context);
    return;
  }
  const { mount, name } = versionedPlace(place);
  const metadata = await readMetadata(session, place, context);
  if (ifVersion !== undefined && metadata.current?.version !== ifVersion) {
    throw new SecretsError("conflict", "the secret has another current version by now, or none", {
      provider: "vault",
      hint: "Read it again, and decide anew.",
    });
  }
  // By its number, so that a version which somebody adds meanwhile stays.
  const versions = [Number(enabledVersion(metadata, locator.version).version)];
  await session.call("POST", `${mount.path}delete/${name}`, { body: { versions } }, context);
}
