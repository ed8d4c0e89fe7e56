import { type Content, type Locator, type SecretRecord, SecretsError } from "@keyhold/core";
import type { SecretDescription, SecretValue } from "./transport.ts";

export const currentStage = "AWSCURRENT";

/** What names a version in AWS's requests. Nothing: AWSCURRENT. */
export function versionOf({ version, stage }: Locator): Readonly<Record<string, string>> {
  if (version !== undefined) return { VersionId: version };
  return stage === undefined ? {} : { VersionStage: stage };
}

export function toRecord({ SecretString, SecretBinary, VersionId, CreatedDate }: SecretValue): SecretRecord {
  const value = SecretString ?? SecretBinary;
  // What stands between here and AWS may answer too.
  if (typeof VersionId !== "string" || !(typeof value === "string" || value instanceof Uint8Array)) {
    throw new SecretsError("decode", "AWS Secrets Manager: the answer holds no version with a string or bytes", {
      provider: "aws",
    });
  }
  const content: Content = { kind: "opaque", value };
  return { content, version: VersionId, ...(CreatedDate === undefined ? {} : { createdAt: CreatedDate.getTime() }) };
}

/** The version that carries a stage now. */
export function versionAt(description: SecretDescription, stage: string): string | undefined {
  const stages = description.VersionIdsToStages ?? description.SecretVersionsToStages ?? {};
  return Object.keys(stages).find((version) => stages[version]?.includes(stage));
}
