import { type SecretRecord, type SecretSummary, SecretsError, type VersionState, type VersionSummary } from "@keyhold/core";
import { crc32c } from "./crc32c.ts";
import { lastSegment } from "./resource-name.ts";
import type { AccessedVersion, SecretMessage, Timestamp, VersionMessage } from "./transport.ts";

/** Milliseconds since 1970. */
function timeOf(timestamp: Timestamp | null | undefined): number | undefined {
  if (timestamp?.seconds === undefined || timestamp.seconds === null) return undefined;
  return Number(timestamp.seconds) * 1000 + Math.floor((timestamp.nanos ?? 0) / 1e6);
}

/**
 * What was accessed, once its checksum fits: Google sends one with each value, also where the writer sent none. What was spoilt on
 * the way is never given; another attempt may bring it whole.
 * https://cloud.google.com/secret-manager/docs/data-integrity
 */
export function toRecord({ name, payload }: AccessedVersion): SecretRecord {
  // The SDK's buffers are views into larger ones that hold other answers too.
  const value = Uint8Array.from(payload?.data ?? []);
  if (String(payload?.dataCrc32c) !== String(crc32c(value))) {
    throw new SecretsError("unavailable", "Google Secret Manager: the value does not fit its checksum", {
      provider: "gcp",
      hint: "The answer was changed on its way: another attempt helps, or a look at the proxy between here and Google.",
    });
  }
  return { content: { kind: "opaque", value }, version: lastSegment(name) };
}

/** A secret as a list shows it. `path` is how it was asked for: Google answers with the project's number. */
export function toSummary(secret: SecretMessage, path: string): SecretSummary {
  const expiresAt = timeOf(secret.expireTime);
  return {
    path,
    createdAt: timeOf(secret.createTime),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    labels: { ...secret.labels },
  };
}

const states: Readonly<Record<string, VersionState>> = { ENABLED: "enabled", DISABLED: "disabled", DESTROYED: "destroyed" };

export function toVersion(version: VersionMessage): VersionSummary {
  const expiresAt = timeOf(version.scheduledDestroyTime);
  return {
    version: lastSegment(version.name),
    // A state that is not known yet is at least not one to be read.
    state: states[version.state ?? ""] ?? "disabled",
    createdAt: timeOf(version.createTime),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}
